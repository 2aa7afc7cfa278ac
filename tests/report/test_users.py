from credguard.report.users import short_names


def test_two_accounts_with_one_user_name_are_told_apart() -> None:
    here, there, china = "aws/111111111111/dev", "aws/222222222222/dev", "aws-cn/1/ops"
    assert short_names([here, there, here, china]) == {
        here: "dev (aws/111111111111)",
        there: "dev (aws/222222222222)",
        china: "ops",
    }

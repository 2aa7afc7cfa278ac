# Both hooks get what git says of the push; reading it once would leave the second with nothing.
input=$(cat)
{ [ -z "$input" ] || printf '%s\n' "$input"; } | @PYTHON@ -I -S -c @CODE@ "$@" || exit $?
exec </dev/null
[ -z "$input" ] || exec <<END
$input
END

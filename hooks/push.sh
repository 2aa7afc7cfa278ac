# Both hooks get what git says of the push; reading it once would leave the second with nothing.
input=$(cat) || { echo "credguard: blocked, what git says of the push cannot be read" >&2; exit 2; }
{ [ -z "$input" ] || printf '%s\n' "$input"; } | @PYTHON@ -I -S -c @CODE@ "$@" || exit $?
exec </dev/null
[ -z "$input" ] || exec <<END
$input
END

# Read by zsh in `credguard shell` in place of the person's own, which then runs as always, and so
# do all files after it. The prompt gets its prefix when it is first shown.
if (( ${+CREDGUARD_ZDOTDIR} )); then
    export ZDOTDIR=$CREDGUARD_ZDOTDIR
    unset CREDGUARD_ZDOTDIR
else
    unset ZDOTDIR
fi
_credguard_prompt() {
    local prefix='(${CREDGUARD_PROFILE//\%/%%}) '
    [[ -o promptsubst ]] || prefix="(${CREDGUARD_PROFILE//\%/%%}) "
    [[ $PROMPT == "$prefix"* ]] || PROMPT="$prefix$PROMPT"
}
precmd_functions+=(_credguard_prompt)
if [[ -f ${ZDOTDIR:-$HOME}/.zshenv ]]; then
    source ${ZDOTDIR:-$HOME}/.zshenv
fi

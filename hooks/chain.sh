[ -x "$kept" ] && [ ! -d "$kept" ] || exit 0
[ "$CREDGUARD_CHAIN" = "$PWD/$kept" ] && exit 0
CREDGUARD_CHAIN=$PWD/$kept
export CREDGUARD_CHAIN
# A plain sh hook is read in place, so that $0 keeps the name that husky and others look at.
read -r first <"$kept" 2>/dev/null || first=
case $first in
'#!/bin/sh' | '#!/usr/bin/env sh') case $kept in /*) ;; *) kept=./$kept ;; esac; . "$kept"; exit $? ;;
esac
exec "$kept" "$@"

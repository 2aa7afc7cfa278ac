#!/bin/sh
# credguard hook shim: @NAME@. Looks for secrets. Remove: credguard hook uninstall
kept=@KEPT@
if [ ! -x @PYTHON@ ] || [ ! -f @ENTRY@ ]; then
@REMOVE@
  echo "credguard: blocked, its program is gone; repair: ./install.sh in credguard's folder; remove: $remove" >&2
  exit 2
fi
if [ "$CREDGUARD_CHAIN" = "$PWD/$kept" ] || [ ! -x "$kept" ] || [ -d "$kept" ]; then
  exec @PYTHON@ -I -S -c @CODE@ "$@"@ALONE@
fi
@LOOK@

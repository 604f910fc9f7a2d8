#!/usr/bin/env bash
# Runs a command in the network of another machine of the cluster, among the processes of this one.
#
#   enter.sh PID UID ETC HOME HIDDEN COMMAND...
#
#   PID     a process of that machine
#   ETC     its passwd, shadow, group and hosts
#   HIDDEN  a folder that is not on its disk
set -euo pipefail
if [ "${GLOVEBOX_TEST_ENTERED:-}" != 1 ]; then
  GLOVEBOX_TEST_ENTERED=1 exec nsenter --target "$1" --net --uts unshare --mount "$0" "$@"
fi
unset GLOVEBOX_TEST_ENTERED
uid=$2 etc=$3 hidden=$5
export HOME=$4
shift 5
for file in passwd shadow group hosts; do mount --bind "$etc/$file" "/etc/$file"; done
mount -t tmpfs none "$hidden"
[ "$uid" != 0 ] || exec "$@"
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all -- "$@"

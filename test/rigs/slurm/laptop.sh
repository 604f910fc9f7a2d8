#!/usr/bin/env bash
# A laptop outside of the cluster: a network of its own with a cable to the login node (10.78.0.1) and to nothing else.
# Runs inside the login node's spaces and stays until it is ended.
#
#   laptop.sh
set -euo pipefail
if [ "${GLOVEBOX_TEST_LAPTOP_SPACE:-}" != 1 ]; then
  GLOVEBOX_TEST_LAPTOP_SPACE=1 exec unshare --net --uts --mount "$0"
fi
on_login() { nsenter --net=/proc/1/ns/net "$@"; }
hostname laptop
ip link add eth0 type veth peer name laptop netns 1
on_login ip addr add 10.78.0.1/24 dev laptop
on_login ip link set laptop up
ip addr add 10.78.0.2/24 dev eth0
ip link set eth0 up
ip link set lo up
echo ready
exec sleep infinity

#!/usr/bin/env bash
# A compute node: its own network behind the login node's bridge, its own host name, its own /tmp and its own process space.
# Runs inside the login node's spaces and does not return before the node is down.
#
#   node.sh NAME ADDRESS LINK PRIVATE KEEP -- COMMAND...
#
#   PRIVATE  a folder that is this node's own, with an empty home (no shared file system), or ""
#   KEEP     folders that are shared although they may lie in /tmp, separated by colons
set -euo pipefail
name=$1 address=$2 link=$3 private=$4 keep=$5
shift 6

on_login() { nsenter --net=/proc/1/ns/net "$@"; }

build() {
  hostname "$name"
  on_login ip link del "$link" 2>/dev/null || true # left by an earlier life of this node
  ip link add eth0 type veth peer name "$link" netns 1
  on_login ip link set "$link" master br0 up
  ip addr add "$address/24" dev eth0
  ip link set eth0 up
  ip link set lo up

  mount -t tmpfs -o mode=755 none /mnt
  local folders folder i=0
  IFS=: read -ra folders <<<"$keep"
  for folder in "${folders[@]}"; do
    mkdir "/mnt/$i"
    mount --rbind "$folder" "/mnt/$i"
    i=$((i + 1))
  done
  mount -t tmpfs -o mode=1777 none /tmp
  i=0
  for folder in "${folders[@]}"; do
    mkdir -p "$folder"
    mount --move "/mnt/$i" "$folder"
    i=$((i + 1))
  done
  umount /mnt
  if [ -n "$private" ]; then
    local owner
    owner=$(stat -c %u "$private")
    mount -t tmpfs -o "mode=755,uid=$owner" none "$private"
    install -d -o "$owner" "$private/home"
  fi
}

if [ "${GLOVEBOX_TEST_NODE_SPACE:-}" != 1 ]; then
  GLOVEBOX_TEST_NODE_SPACE=1 exec unshare --net --uts --mount "$0" "$name" "$address" "$link" "$private" "$keep" -- "$@"
fi
build
unset GLOVEBOX_TEST_NODE_SPACE
# A shell as its first process, since somebody has to bury the orphans.
exec unshare --pid --fork --kill-child --mount-proc bash -c '"$@" & wait; sleep infinity' node "$@"

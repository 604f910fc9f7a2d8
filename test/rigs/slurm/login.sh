#!/usr/bin/env bash
# The login node of a cluster with a network of its own. Runs as the first process of its own process space, so that its end
# takes every process of the cluster along, and with them the networks.
#
#   login.sh ETC HIDDEN      ETC holds the cluster's passwd, shadow, group and hosts; HIDDEN is the laptop's disk
set -euo pipefail
hostname login
for file in passwd shadow group hosts; do mount --bind "$1/$file" "/etc/$file"; done
mount -t tmpfs none "$2"
ip link set lo up
ip link add br0 type bridge
ip addr add 10.77.0.1/24 dev br0
ip link set br0 up
echo 0 >/proc/sys/net/ipv4/ip_forward
echo ready
while :; do
  sleep infinity &
  wait
done

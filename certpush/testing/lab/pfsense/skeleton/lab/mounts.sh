#!/bin/sh
# The disk of a box: runs in a mount namespace of its own, and keeps it until its standard input ends.
set -e
root=$1 size=$2
mount --make-rprivate /
mount --bind /usr "$root/.host/usr"
mount -o remount,bind,ro "$root/.host/usr"
for folder in /usr/lib /usr/lib32 /usr/lib64 /usr/libx32 /usr/share /etc/php; do
  if [ -d "$folder" ]; then
    mkdir -p "$root$folder"
    mount --bind "$folder" "$root$folder"
    mount -o remount,bind,ro "$root$folder"
  fi
done
mount --rbind /dev "$root/dev"
mount -t tmpfs -o "size=$size,mode=755" cf "$root/cf"
mkdir -m 755 "$root/cf/conf" "$root/cf/conf/backup"
echo ready
exec cat >/dev/null

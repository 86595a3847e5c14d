#!/bin/sh
# Stands in for the collector of graphs: does nothing, in the background, for ever.
echo $$ >/var/run/updaterrd.pid
exec sleep 1000000

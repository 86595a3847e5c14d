#!/bin/sh
# The developer shell: only "playback generateguicert" and "playback restartwebgui" are imitated.
case "$1 $2" in
  "playback generateguicert") exec /usr/local/bin/php-cgi -f /lab/generateguicert.php ;;
  *) echo "pfSsh.php: the stand-in knows 'playback generateguicert' alone" >&2; exit 1 ;;
esac

# What certpush does with files on a machine, step by step, behind the steps of certpush.kit.ssh; placement.Hands says
# what each step promises. Nothing runs until `main` is called. Paths and values are arguments only.

generation=
# state PATH: in `state` the SHA-256 of a file, link:TARGET, other, or nothing; not zero where it cannot be read.
state() {
	state=
	if [ -h "$1" ]; then
		state=link:$(readlink "$1")
	elif [ -f "$1" ]; then
		[ -r "$1" ] && digest "$1" || return 1
		state=$digest
	elif [ -e "$1" ]; then
		state=other
	elif [ -d "${1%/*}" ] && [ ! -x "${1%/*}" ]; then
		return 1
	fi
}

# is PATH STATE
is() {
	# A file that was too big to be looked at has no digest that is known.
	if [ "$2" = other ] && [ -f "$1" ] && [ "$(wc -c <"$1")" -gt 1048576 ]; then return; fi
	state "$1" || fail read "$1"
	[ "$state" = "$2" ]
}

# --- looking ---------------------------------------------------------------------------------

# look NUMBER PATH none|pem|all
look() {
	number=$1
	path=$2
	how=$3
	# POSIX knows no stat, but what `ls -ldn` prints: mode, names, uid, gid, size.
	set -- $(ls -ldn "$path" 2>/dev/null)
	case ${1-} in -*) [ "$5" -le 1048576 ] || how=big ;; esac
	if [ "$how" = big ]; then state=other; else state "$path" || fail read "$path"; fi
	if [ -z "$state" ]; then return; fi
	[ $# -gt 4 ] || fail read "$path"
	say "seen $number $1 $3 $4 $state"
	case $state in link:* | other) return ;; esac
	case $how in
	pem) tell_certificates "$number" "$path" ;;
	all) say "text $number $(hex <"$path")" ;;
	esac
}

# tell_certificates NUMBER PATH: line by line, with no private key that may stand beside them.
tell_certificates() {
	sed -n "/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/s/^/${tag}pem $1 /p" "$2"
	echo # the last line may have no end
}

# --- before a rotation: says what is wrong, and goes on ------------------------------------------

probe() {
	myself
	say "date $(date +%s)"
	say "user $me"
	for one in cat chmod chown cp date df env expr grep id ln ls mkdir mv readlink rm rmdir sed sleep sync tail tr wc; do
		program "$one" || say "missing $one"
	done
	program od || program hexdump || say 'missing od'
	program sha256sum || program sha256 || program shasum || program openssl || say 'missing sha256sum'
	if [ "$me" != 0 ] && busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager KillUserProcesses 2>/dev/null | grep -q true; then
		say 'note kills'
	fi
}

probe_directory() {
	if [ ! -d "$1" ]; then
		say "no-directory $1"
		return
	fi
	if there "$1/.certpush"; then (private "$1"); else (trusted "$1"); fi
	[ -w "$1" ] && [ -x "$1" ] || say "unwritable $1"
	# Seven words of a heading, then one line; its fourth field is what we may use, in KiB.
	set -- "$1" $(df -Pk "$1" 2>/dev/null)
	say "free ${12:-0} $1"
}

probe_file() { if there "$1"; then (plain "$1"); fi; }

probe_owner() { id -u "$1" >/dev/null 2>&1 || say "no-owner $1"; }

probe_group() {
	getent group "$1" >/dev/null 2>&1 || grep -q "^$1:" /etc/group || say "no-group $1"
}

probe_command() { program "$2" || say "no-command $1 $2"; }

# --- refusing what others planted --------------------------------------------------------------

# plain PATH: a file with this one name.
plain() {
	[ -f "$1" ] && [ ! -h "$1" ] || fail odd "$1"
	rights "$1"
	[ "$names" = 1 ] || fail odd "$1"
}

# rights FILE: mode and owner in `rights`, and in `names` how many it has.
rights() {
	set -- $(ls -ldn "$1")
	names=${2-}
	rights="${1%[.+@]} ${3-} ${4-}" # behind the mode stands a mark, where there is more to the rights
}

# trusted PATH: no link of another user on the way, no directory that everybody may write to.
trusted() {
	[ -d "$1" ] || fail write "$1" 'no such directory'
	if plain_way "$1"; then return; fi # without a link on it, so it leads nowhere else
	trusted_way "$1"
	trusted_way "$(cd -P "$1" && pwd -P)"
}

# plain_way PATH: directories only, none of them open to everybody; by one program, where `trusted_way` starts one for each.
plain_way() {
	way=
	rest=${1#/}
	set --
	while [ -n "$rest" ]; do
		way=$way/${rest%%/*}
		case $rest in */*) rest=${rest#*/} ;; *) rest= ;; esac
		set -- "$@" "$way"
	done
	count=$#
	[ "$count" -gt 0 ] || return
	listed=$(ls -ldn "$@") || return
	old=$IFS
	IFS='
'
	set -- $listed
	IFS=$old
	[ $# = "$count" ] || return
	for line in "$@"; do
		case $line in d???????[!w]* | d????????[tT]*) ;; *) return 1 ;; esac
	done
}

trusted_way() {
	way=
	rest=${1#/}
	while [ -n "$rest" ]; do
		way=$way/${rest%%/*}
		case $rest in */*) rest=${rest#*/} ;; *) rest= ;; esac
		set -- $(ls -ldn "$way")
		case $1 in
		l*) myself && [ "$3" = 0 ] || [ "$3" = "$me" ] || fail foreign-link "$way" ;;
		d???????w[!tT]*) fail open-to-all "$way" ;;
		esac
	done
}

private() {
	trusted "$1"
	housed "$1/.certpush" ls -ldn "$1/.certpush" || fail write "$1/.certpush" "$err"
	myself
	set -- "$1/.certpush" $err
	case $2 in drwx------*) [ "$4" = "$me" ] || fail private "$1" ;; *) fail private "$1" ;; esac
}

# house DIRECTORY: other targets with files beside it may make it, or leave it, at the same moment.
house() {
	there "$1" || err=$(mkdir -m 700 "$1" 2>&1) || there "$1" || fail write "$1" "$err"
}

# housed DIRECTORY COMMAND...: what puts the first thing of ours into it; until that lies there, others may leave it between any two steps.
housed() {
	into=$1 tries=0
	shift
	until house "$into" && err=$("$@" 2>&1); do
		tries=$((tries + 1))
		[ "$tries" -lt 5 ] || return 1
	done
}

# --- preparing -----------------------------------------------------------------------------------

# before SECONDS: the machine's clock has passed this second.
clock() { [ "$(date +%s)" -ge "$1" ] || fail clock "$(date)"; }

# keep PATH STATE KEPT
keep() {
	if is "$3" "$2"; then return; fi
	is "$1" "$2" || fail drift "$1"
	erase "$3" "$3.part"
	case $2 in
	link:*)
		housed "${3%/*}" ln -s "${2#link:}" "$3" || fail write "$3" "$err"
		return
		;;
	esac
	plain "$1"
	wanted=$rights
	housed "${3%/*}" cp -p "$1" "$3.part" || fail_copy "$3" "$err"
	is "$3.part" "$2" || fail_copy "$3" 'the copy differs'
	# cp does not say when it could not give the copy its owner.
	rights "$3.part"
	[ "$rights" = "$wanted" ] || fail owner "$1" 'its copy would belong to another user'
	durable "$3.part"
	mv -f "$3.part" "$3"
}

fail_copy() {
	erase "$1.part"
	fail write "$1" "$2"
}

# put NAME STAGED STATE MODE OWNER; `given NAME` writes the new file that was handed over under this name.
put() {
	erase "$2"
	housed "${2%/*}" hand "$1" "$2" || fail_put write "$2" "$err"
	is "$2" "$3" || fail_put damaged "$2"
	if [ -n "$5" ]; then err=$(chown "$5" "$2" 2>&1) || fail_put owner "$2" "$err"; fi
	err=$(chmod "$4" "$2" 2>&1) || fail_put owner "$2" "$err"
	durable "$2"
}

hand() { given "$1" >"$2"; }

fail_put() {
	rm -f "$2"
	fail "$1" "$2" "${3-}"
}

# link STAGED TARGET
link() {
	erase "$1"
	err=$(ln -s "$2" "$1" 2>&1) || fail write "$1" "$err"
	durable "${1%/*}"
}

make() {
	if ! there "$1"; then err=$(mkdir -m 755 "$1" 2>&1) || fail write "$1" "$err"; fi
	[ -d "$1" ] && [ ! -h "$1" ] || fail odd "$1"
}

# --- switching -----------------------------------------------------------------------------------

# ready PATH STAGED NEW WAS KEPT
ready() {
	case $3 in link:*) ;; *) if there "$1"; then plain "$1"; fi ;; esac
	if ! is "$1" "$3"; then
		[ "$state" = "$4" ] || fail drift "$1"
		is "$2" "$3" || fail damaged "$2"
	fi
	if [ -n "$4" ]; then is "$5" "$4" || fail gone "$1"; fi
}

intact() { is "$1" "$2" || fail damaged "$1"; }

# mark MARKER [DIRECTORY...]: what was staged is in these; its entries reach the disk with the marker, by one program.
mark() {
	housed "${1%/*}" empty "$1" || fail write "$1" "$err"
	durable "${1%/*}" "$@"
}

empty() { : >"$1"; }

# swap STAGED PATH: one rename. A link is renamed itself, also onto a link that leads to a directory.
swap() {
	there "$1" || return 0
	if [ -h "$1" ]; then
		err=$(mv -fT "$1" "$2" 2>&1) || mv -fh "$1" "$2" 2>/dev/null || fail write "$2" "$err"
	else
		err=$(mv -f "$1" "$2" 2>&1) || fail write "$2" "$err"
	fi
	durable "${2%/*}"
}

# run TROUBLE NUMBER EXPECTED COUNT PIECE... WORD...
run() {
	trouble=$1
	number=$2
	shift 2
	obey "$@" || fail "$trouble" "$number" "$ended"
}

# obey EXPECTED COUNT PIECE... WORD...: run the words, which read the pieces; `ended` tells why it is no success.
# `env` starts programs only: no function of this script, nothing built into the shell.
obey() {
	expected=$1
	shift
	status=0
	if [ "$1" = 0 ] && [ -z "$expected" ]; then
		shift
		env "$@" </dev/null >&2 || status=$?
	else
		heard=$(pieces "$@" | words "$@" 2>&1) || status=$?
		printf '%s\n' "$heard" >&2
	fi
	ended="exit status $status"
	if [ $status != 0 ]; then return 1; fi
	if [ -z "$expected" ]; then return 0; fi
	ended="it did not say: $expected"
	case $heard in *"$expected"*) return 0 ;; *) return 1 ;; esac
}

pieces() {
	left=$1
	while [ "$left" -gt 0 ]; do
		shift
		left=$((left - 1))
		case $1 in
		file:*) sed '/^[[:space:]]*$/d' "${1#file:}" ;;
		*) printf %s "${1#text:}" ;;
		esac
	done
}

words() {
	shift "$1"
	shift
	env "$@"
}

# --- going back ------------------------------------------------------------------------------------

unstage() {
	if [ -h "$1" ]; then
		generation=$(readlink "$1")
		for one in $generation_files; do erase "${1%/*}/$one.new"; done
	fi
	erase "$1"
}

# guard PATH WAS FILE STATE
guard() { is "$1" "$2" || is "$3" "$4" || fail gone "$3"; }

# restore PATH WAS KEPT NEW MARKER
restore() {
	if [ -n "$3" ]; then erase "$3.part"; fi
	if is "$1" "$2"; then
		if [ -n "$3" ]; then erase "$3"; fi
		return
	fi
	# We never switched it: whoever changed it meant to.
	[ -n "$4" ] || [ -e "$5" ] || return 0
	if [ -z "$2" ]; then
		if [ -n "$4" ] && is "$1" "$4"; then
			begin "$5"
			rm -f "$1"
		fi
		return
	fi
	is "$3" "$2" || fail gone "$1"
	begin "$5"
	is "$1" '' || is "$1" "$4" || aside "$1"
	swap "$3" "$1"
}

begin() { mark "$1"; }

# aside PATH: nothing of what somebody put there between the switch and now is lost.
aside() {
	house "${1%/*}/.certpush"
	state "$1" || fail read "$1"
	swap "$1" "${1%/*}/.certpush/${1##*/}.$(printf '%.32s' "$state" | tr -c 'A-Za-z0-9.-' _).changed"
}

# reload_if MARKER MUST NUMBER EXPECTED COUNT PIECE... WORD...
reload_if() {
	[ -e "$1" ] || return 0
	must=$2
	number=$3
	shift 3
	obey "$@" && return
	if [ "$must" = 1 ]; then fail reload "$number" "$ended"; fi
	say "note reload $ended"
}

remove() { erase "$1"; }

# drop DIRECTORY GENERATION
drop() {
	for one in "$2" "$generation"; do
		if [ -n "$one" ] && is_generation "$one" && ! is "$1/current" "link:$one"; then remove_generation "$1/$one"; fi
	done
}

is_generation() {
	case $1 in gen-*[!0-9a-f]*) return 1 ;; gen-*) [ ${#1} = 20 ] ;; *) return 1 ;; esac
}

remove_generation() {
	if [ ! -d "$1" ] || [ -h "$1" ]; then return; fi
	for file in $generation_files; do erase "$1/$file"; done
	rmdir "$1" 2>/dev/null || :
}

leave() {
	set +f
	for one in "$1"/.certpush/*; do
		set -f
		if there "$one"; then return; fi # not empty, as most
	done
	set -f
	rmdir "$1/.certpush" 2>/dev/null || :
}

# --- afterwards --------------------------------------------------------------------------------------

# tidy DIRECTORY NAME KEEP...
tidy() {
	start=$1/.certpush/$2.
	shift 2
	set +f
	for one in "$start"*.old; do
		set -f
		kept_leaf "${one#"$start"}"
		if [ -n "$leaf" ] && ! among "$leaf" "$@"; then rm -f "$one"; fi
	done
	set -f
}

# kept_leaf DIGEST.LEAF.old: in `leaf` the first 16 digits of the certificate whose copy it is; nothing where it is called otherwise.
kept_leaf() {
	leaf=${1#*.}
	leaf=${leaf%.old}
	if [ "$1" != "${1%%.*}.$leaf.old" ] || [ ${#1} != 53 ] || [ ${#leaf} != 16 ]; then leaf=; fi
	case ${1%%.*}$leaf in *[!0-9a-f]*) leaf= ;; esac
}

# tidy_generations DIRECTORY KEEP...
tidy_generations() {
	directory=$1
	shift
	set +f
	for one in "$directory"/gen-*; do
		set -f
		name=${one##*/}
		if is_generation "$name" && ! among "${name#gen-}" "$@" && ! is "$directory/current" "link:$name"; then remove_generation "$one"; fi
	done
	set -f
}

among() {
	wanted=$1
	shift
	for word in "$@"; do
		if [ "$word" = "$wanted" ]; then return 0; fi
	done
	return 1
}

# settled PATH STATE
settled() {
	if is "$1" "$2"; then return; fi
	[ -n "$claimed" ] || fail rescued "$1"
	fail damaged "$1"
}

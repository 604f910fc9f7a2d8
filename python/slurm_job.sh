#!/bin/bash
# Runs one Jupyter server as a SLURM job. The text is constant: every value is a positional argument and never becomes shell code,
# except the set-up file and the set-up lines, which are shell code by their purpose.
umask 077
expiring=0
# From the first line on: the warning before the time limit must not end the job.
trap 'expiring=1' USR1

nonce=$1 node_tmp=$2 job_dir=$3 root=$4 python=$5 ready_s=$6 hand_over=$7 bind=$8 ports=$9 container=${10} setup_file=${11}
purge=${12} needs_job_dir=${13} limits=${14} module_count=${15}
shift 15
modules=("${@:1:module_count}")
shift "$module_count"
setup_lines=("$@")
# Set-up code must not see our arguments as its own.
set --

generation=${SLURM_RESTART_COUNT:-0}
# Both sides know this path; `mkdir` without -p fails when somebody has prepared it.
private=$node_tmp/gb-$SLURM_JOB_ID-$generation-$nonce
server=
# Somebody asked for the end, who need not be told of it.
asked=0

say() { printf '%s glovebox: %s\n' "$(date '+%F %T')" "$*"; }

sees_job_dir() { [ -n "$job_dir" ] && [ "$(cat -- "$job_dir/nonce" 2>/dev/null)" = "$nonce" ]; }

publish() { # file name-in-job-dir
  sees_job_dir || return 0
  cp -- "$1" "$job_dir/.$2.tmp" && mv -f -- "$job_dir/.$2.tmp" "$job_dir/$2"
}

# Nobody can read a log that stays on this node when the job has ended, so a failure waits until somebody has, or for 30 s.
linger() {
  trap 'asked=1' TERM
  : >"$private/failed"
  local tries
  for ((tries = 60; tries > 0 && asked == 0; tries--)); do
    [ ! -e "$private/read" ] || break
    sleep 0.5
  done
}

end() { # exit-code
  printf '%s %s\n' "$1" "$(date +%s)" >"$private/exit" 2>/dev/null && publish "$private/exit" "exit-$generation"
  [ "$1" -eq 0 ] || [ -n "$job_dir" ] || [ "$asked" = 1 ] || linger
  rm -rf -- "$private"
  exit "$1"
}

fail() {
  printf 'GLOVEBOX-FAIL %s\n' "$*"
  end 78
}

if ! mkdir -m 700 -- "$private"; then
  printf 'GLOVEBOX-FAIL The folder %s cannot be made on %s.\n' "$private" "$(hostname)"
  exit 78
fi
unset XDG_RUNTIME_DIR JUPYTER_TOKEN
say "job $SLURM_JOB_ID, start $generation, on $(hostname)"

# GLOVEBOX FILES

if [ "$module_count" -gt 0 ]; then
  for file in /etc/profile.d/{modules,lmod,z00_lmod}.sh /usr/share/{lmod/lmod,modules}/init/bash; do
    type module >/dev/null 2>&1 && break
    [ -r "$file" ] && . "$file"
  done
  type module >/dev/null 2>&1 || fail "Modules were asked for (${modules[*]}), but $(hostname) has no command 'module'."
  [ "$purge" = 0 ] || module purge
  for name in "${modules[@]}"; do
    # Old versions tell of a failure only in words.
    module load "$name" 2>"$private/module.log"
    code=$?
    cat -- "$private/module.log" >&2
    if [ "$code" -ne 0 ] || grep -qiE 'error|unable to locate' "$private/module.log"; then
      fail "The module $name cannot be loaded: $(tail -n 1 -- "$private/module.log")"
    fi
  done
fi
if [ -n "$setup_file" ]; then
  [ -r "$setup_file" ] || fail "The set-up file $setup_file cannot be read on $(hostname)."
  . "$setup_file"
fi
for line in "${setup_lines[@]}"; do
  eval "$line" || fail "This set-up line failed with code $?: $line"
done

inside=()
if [ -n "$container" ]; then
  runtime=$(command -v apptainer || command -v singularity) || fail "A container was asked for, but $(hostname) has neither apptainer nor singularity."
  inside=("$runtime" exec --bind "$private")
  [ -e /dev/nvidiactl ] && inside+=(--nv)
  [ -d "$root" ] && inside+=(--bind "$root")
  inside+=("$container")
else
  found=$(command -v -- "$python") || fail "There is no Python $python on $(hostname)."
  python=$found
fi

mkdir -- "$private"/{config,config/labconfig,data,run}
mv -- "$private/page_config.json" "$private/config/labconfig/page_config.json"
if [ -n "$bind" ]; then
  # Others on the network can reach it there.
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=glovebox \
    -keyout "$private/key.pem" -out "$private/cert.pem" 2>"$private/openssl.log" ||
    fail "No certificate can be made on $(hostname), which GLOVEBOX_TUNNEL=direct and forward need: $(tail -n 1 -- "$private/openssl.log")"
fi
"${inside[@]}" "$python" "$private/slurm_node.py" "$private" template.json "$nonce" "$job_dir" "$root" "$bind" "$ports" "$needs_job_dir" "$limits" || end 78
{
  # A step gets none of this environment, and a Python out of a module may not start without it. Its first word, the name of
  # a Python, is replaced by the one that works here.
  printf 'export PATH=%q LD_LIBRARY_PATH=%q\nshift\nexec' "$PATH" "$LD_LIBRARY_PATH"
  printf ' %q' "${inside[@]}" "$python"
  printf ' "$@"\n'
} >"$private/relay.part"
mv -- "$private/relay.part" "$private/relay"

cd -- "$root" 2>/dev/null || cd
JUPYTER_CONFIG_DIR=$private/config JUPYTER_DATA_DIR=$private/data JUPYTER_PATH=$private/data JUPYTER_RUNTIME_DIR=$private/run \
  "${inside[@]}" "$python" "$private/serve.py" "--config=$private/config.json" &
server=$!
code=0
trap 'asked=1; kill -TERM "$server" 2>/dev/null' TERM INT

is_up=0
for ((tries = ready_s * 5; tries > 0; tries--)); do
  kill -0 "$server" 2>/dev/null || break
  # It says so itself: what listens on a port may be a stranger.
  if [ -e "$private/listening" ]; then
    is_up=1
    break
  fi
  sleep 0.2
done
if [ "$is_up" = 1 ]; then
  # It has read its configuration, which holds the token.
  rm -f -- "$private/config.json"
  if [ "$hand_over" = file ] && sees_job_dir; then
    publish "$private/token" "token-$generation"
    rm -f -- "$private/token"
  fi
  read -r pid port <"$private/listening"
  sed -i "s/\"pid\": 0/\"pid\": $pid/; s/\"port\": 0/\"port\": $port/" "$private/endpoint.part"
  mv -- "$private/endpoint.part" "$private/endpoint.json"
  publish "$private/endpoint.json" "endpoint-$generation.json"
elif kill -0 "$server" 2>/dev/null; then
  say "the server does not listen after $ready_s s"
  kill -TERM "$server"
fi

told=0
while kill -0 "$server" 2>/dev/null; do
  if [ "$expiring" = 1 ] && [ "$told" = 0 ]; then
    told=1
    say 'the time limit is near'
    : >"$private/expiring"
    publish "$private/expiring" "expiring-$generation"
  fi
  # A signal ends the wait, not the server.
  wait "$server"
  code=$?
done
wait "$server" 2>/dev/null
last=$?
[ "$last" -eq 127 ] || code=$last
say "the server ended with code $code"
[ "$is_up" = 1 ] || [ "$code" -ne 0 ] || code=78
end "$code"

# Sourced by the scripts here: Ctrl-C and SIGTERM end the commands that `run` started.
# Such a command runs in the background, so that Bash heeds a signal while it waits; there it
# ignores Ctrl-C and gets SIGTERM from here, which it answers by saving and saying so.
stop() {
  trap 'kill -KILL $(jobs -p) 2>/dev/null; exit '"$1" INT TERM
  kill -TERM $(jobs -p) 2>/dev/null
  wait
  printf '\nStopped; the same command goes on.\n' >&2
  exit "$1"
}
trap 'stop 130' INT
trap 'stop 143' TERM

run() { "$@" & wait $!; }

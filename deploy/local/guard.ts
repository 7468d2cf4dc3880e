const GRACE_TENTHS_OF_SECOND = 100;

/**
 * The first lines of every sh script that `exec`s a server. A watcher reads from stdin, a pipe that the parent keeps
 * open. When the parent dies, even from SIGKILL, the pipe closes and the watcher stops the server. `$$` remains the
 * server's pid across exec. Because of the double fork, the server has no child to reap.
 */
export const GUARD_SH = `exec 3<&0
( (
  read -r _ <&3
  kill -TERM $$ || exit 0
  n=0
  while [ $n -lt ${GRACE_TENTHS_OF_SECOND} ] && kill -0 $$; do sleep 0.1; n=$((n+1)); done
  kill -KILL $$
) </dev/null >/dev/null 2>&1 & )`;

/** Redirections for the server's `exec` line. They keep the server from reading or inheriting the guard's pipe. */
export const GUARDED_STDIN_SH = '</dev/null 3<&-';

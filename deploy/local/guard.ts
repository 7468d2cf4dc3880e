const GRACE_TENTHS_OF_SECOND = 100;

/**
 * First lines of every sh script that `exec`s a server: a watcher holds the pipe that the parent process keeps open as
 * stdin. When the parent is gone, be it by kill -9, the pipe ends and the watcher stops the server.
 * `$$` stays the server's pid across exec; the double fork leaves the server without a child to reap.
 */
export const GUARD_SH = `exec 3<&0
( (
  read -r _ <&3
  kill -TERM $$ || exit 0
  n=0
  while [ $n -lt ${GRACE_TENTHS_OF_SECOND} ] && kill -0 $$; do sleep 0.1; n=$((n+1)); done
  kill -KILL $$
) </dev/null >/dev/null 2>&1 & )`;

/** Redirections for the server's own \`exec\` line: it neither reads the guard's pipe nor keeps it. */
export const GUARDED_STDIN_SH = '</dev/null 3<&-';

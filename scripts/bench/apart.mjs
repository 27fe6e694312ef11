// Where things are measured: in a process, a mount namespace and a directory of their own.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, realpathSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { removeTreeSync } from 'graphdriver/sys'

/** The words before the command: rows mount things, and in a namespace of their own nothing of that is left. */
function apart() {
  const words = ['unshare', '--mount', '--propagation', 'private']
  const works = process.getuid?.() === 0 && spawnSync(words[0], [...words.slice(1), 'true']).status === 0
  return works ? words : []
}

/** Some filesystems wait for the disk at every file that goes (ext4 with `discard`), so many go at once. */
function clear(scratch) {
  const files = 'find "$1" -xdev -type f -print0 | xargs -0 -r -n 100 -P 16 rm -f'
  spawnSync('sh', ['-c', files, 'sh', scratch], { stdio: 'ignore' })
  removeTreeSync(scratch)
}

/**
 * Runs a module of this directory as `<module> <scratch> <options as JSON>`, in a mount namespace of its own, with a fresh scratch
 * directory below `options.scratch`; answers its exit status.
 */
export async function runApart(module, options) {
  // Deleted from here, so that it is gone whatever happens to the other process.
  const scratch = realpathSync(mkdtempSync(join(options.scratch, 'graphdriver-bench-')))
  const program = join(import.meta.dirname, module)
  const [command, ...args] = [...apart(), process.execPath, program, scratch, JSON.stringify(options)]
  try {
    const child = spawn(command, args, { stdio: 'inherit' })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
    const [status, signal] = await once(child, 'close')
    return status ?? 128 + constants.signals[signal]
  } finally {
    clear(scratch)
  }
}

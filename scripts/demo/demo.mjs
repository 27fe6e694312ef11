// Runs the demo in a mount namespace of its own, so that it cannot leave a mount behind, whatever happens. As an ordinary
// user that takes a user namespace; where there is none, it says so and goes on without mounts.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const main = join(import.meta.dirname, 'main.mjs')

const AS_ROOT = ['--mount', '--propagation', 'private']
const AS_USER = ['--user', '--map-root-user', '--mount', '--propagation', 'private']

function works(flags) {
  return spawnSync('unshare', [...flags, 'true']).status === 0
}

function choose() {
  if (process.getuid() === 0) {
    if (works(AS_ROOT)) return [AS_ROOT, 'Run as root, in a mount namespace of its own.']
    return [undefined, 'Run as root, but without the right to make a mount namespace (CAP_SYS_ADMIN).']
  }
  if (works(AS_USER)) {
    return [
      AS_USER,
      'Run as an ordinary user, in a user namespace: overlay with user.* xattrs works there. Missing: trusted.*, and devices.',
    ]
  }
  return [
    undefined,
    'Run as an ordinary user, and this system gives him no user namespace. Missing: mounts, chroot. Layers still work, as copies (vfs).',
  ]
}

const [flags, words] = choose()
const command = [process.execPath, '--disable-warning=ExperimentalWarning', main]
const [program, ...args] = flags === undefined ? command : ['unshare', ...flags, ...command]
const { status } = spawnSync(program, args, {
  stdio: 'inherit',
  env: { ...process.env, GRAPHDRIVER_DEMO: words },
})
process.exitCode = status ?? 1

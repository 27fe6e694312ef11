// What the scripts share: paths and the running of a command.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '..')

/** The path of a tool of node_modules/.bin. */
export function bin(name) {
  return join(root, 'node_modules', '.bin', name)
}

/** Runs a command with our own terminal; answers its exit status (128 when it was killed). */
export function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (done.error) {
    console.error(`${command}: ${done.error.message}`)
    return 127
  }
  if (done.signal) console.error(`${command}: killed by ${done.signal}`)
  return done.status ?? 128
}

/** Runs a command and answers what it wrote; undefined when it failed or is not there. */
export function capture(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, ...options })
  return done.status === 0 ? done.stdout : undefined
}

/** Is there a program of this name? */
export function has(program) {
  const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`
  return path.split(':').some((directory) => existsSync(join(directory, program)))
}

/** The prefix under which Node's own headers are installed; undefined when they are not. */
export function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath))
  return existsSync(join(prefix, 'include/node/node_api.h')) ? prefix : undefined
}

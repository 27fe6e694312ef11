import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'

/** How a program ended. */
export interface Ended {
  /** As a shell has it: 128 and the number of the signal that ended it. */
  readonly exitCode: number
  readonly signal?: NodeJS.Signals
}

const PLACES = ['/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Ctrl-C and Ctrl-\ of a terminal go to the program anyway, so they are not handed on a second time from there. */
const OF_TERMINALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']
const HANDED_ON: readonly NodeJS.Signals[] = [...OF_TERMINALS, 'SIGTERM', 'SIGHUP']

/**
 * Runs a program with a directory as its root, in a mount namespace of its own: what it mounts ends with it. By unshare(1) and chroot(1):
 * changing the namespace of a process with several threads is not possible, and Node.js always has several.
 *
 * @throws Error with a sentence for people where unshare or chroot are missing or not allowed.
 */
export async function runInside(root: string, command: readonly string[]): Promise<Ended> {
  const enter = entering()
  await refuseUnable(enter)
  const [program = '', ...args] = [...enter, find('chroot'), root, ...command]
  const child = spawn(program, args, { stdio: 'inherit' })
  const handOn = (signal: NodeJS.Signals): void => {
    if (!process.stdin.isTTY || !OF_TERMINALS.includes(signal)) child.kill(signal)
  }
  for (const signal of HANDED_ON) process.on(signal, handOn)
  try {
    return await end(child)
  } finally {
    for (const signal of HANDED_ON) process.off(signal, handOn)
  }
}

/** An ordinary user gets a user namespace, too: there he may change his root. */
function entering(): string[] {
  const user = process.geteuid?.() === 0 ? [] : ['--user', '--map-root-user']
  return [find('unshare'), ...user, '--mount', '--propagation', 'private', '--']
}

function find(name: string): string {
  const places = [...(process.env['PATH'] ?? '').split(':').filter((place) => place !== ''), ...PLACES]
  const found = places.map((place) => join(place, name)).find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new Error(
    `running a program in a layer takes the command ${name}, which is not here (util-linux, coreutils)`,
  )
}

/** Whether a namespace can be had is found out before: afterwards its failure could not be told from the program's. */
async function refuseUnable([program = '', ...args]: readonly string[]): Promise<void> {
  const trial = spawn(program, [...args, 'true'], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  trial.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const { exitCode } = await end(trial)
  if (exitCode !== 0) throw new Error(`no mount namespace can be had here: ${said.trim()}`)
}

async function end(child: ChildProcess): Promise<Ended> {
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  if (signal === null) return { exitCode: code ?? 1 }
  return { exitCode: 128 + constants.signals[signal], signal }
}

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { VERBS } from '#lib/cli/verbs.js'
import { describeMounts } from '../namespace.ts'
import { bin, ended, Shell } from './support.ts'

/** Every verb, in an order in which each can do its work; and whether people get something in colour. */
const LINES: readonly [words: string, colored: boolean][] = [
  ['--help', false],
  ['create a --from t.tar', false],
  ['create b -p a', false],
  ['apply b t.tar', false],
  ['mount b', false],
  ['ls', true],
  ['tree', true],
  ['mounts b', false],
  ['umount b', false],
  ['umount b b', false],
  ['run b -- /nosuch', false],
  ['status', true],
  ['changes a', true],
  ['size a', false],
  ['diff a -o a.tar', false],
  ['flatten b c', false],
  ['rm c', false],
  ['cleanup', false],
  ['probe', true],
  ['doctor', true],
  ['doctor EBUSY', true],
  ['mountinfo', true],
  ['completion bash', false],
  ['rm nosuch', true],
  ['rm nosuch --verbose', true],
  ['convert --to aufs', false],
  ['ls --nosuch', true],
]
/** Where the command is run, and whether there are colours then. */
interface Surroundings {
  readonly title: string
  readonly environment: string
  readonly on: 'terminal' | 'pipe'
  readonly colors: boolean
}

const SURROUNDINGS: readonly Surroundings[] = [
  { title: 'on a terminal, NO_COLOR empty', environment: 'NO_COLOR=', on: 'terminal', colors: true },
  { title: 'on a terminal with NO_COLOR', environment: 'NO_COLOR=1', on: 'terminal', colors: false },
  { title: 'in a pipe', environment: 'LANG=C', on: 'pipe', colors: false },
  { title: 'in a pipe with FORCE_COLOR', environment: 'FORCE_COLOR=1', on: 'pipe', colors: true },
  { title: 'in a pipe with both', environment: 'NO_COLOR=1 FORCE_COLOR=1', on: 'pipe', colors: false },
]
const MARK = '=====NEXT'
/** SGR, ECMA-48, 8.3.117: colours and weights. */
const ESCAPE = String.fromCharCode(27)
const SGR = new RegExp(`${ESCAPE}\\[[\\d;]*m`)
/** Node.js 22 and newer say so to who sets both, in every program that imports node:util. */
const NODES_OWN = /Warning: The 'NO_COLOR' env is ignored due to the 'FORCE_COLOR' env/

describeMounts('graphdriver: colours', function (directory) {
  // Every step is a process of its own, and the machine may be busy with others.
  this.timeout(240_000)
  it('every verb is tried', () => {
    const tried = LINES.map(([words]) => words.split(' ')[0])
    assert.deepEqual(
      VERBS.map(({ name }) => name).filter((name) => !tried.includes(name)),
      [],
    )
  })

  it('are where they say something and are wanted, and nowhere else', async () => {
    // At once: most of the time is that of the processes' starts.
    const seen = await Promise.all(SURROUNDINGS.map((surroundings, at) => outputs(String(at), surroundings)))
    for (const [at, { title, on, colors }] of SURROUNDINGS.entries()) {
      for (const [line, [words, colored]] of LINES.entries()) {
        const said = seen[at]![line]!
        const what = `${title}: ${words}: ${JSON.stringify(said)}`
        assert.equal(SGR.test(said), colors && colored, what)
        if (colors) continue
        // Progress, which moves the cursor, is for terminals.
        if (on === 'pipe') assert.ok(!said.includes('\r'), what)
        assert.doesNotMatch(said.replace(NODES_OWN, ''), /Warning/, what)
      }
    }
  })

  /** What each line prints, to the standard output and the standard error. */
  async function outputs(name: string, { environment, on }: Surroundings): Promise<string[]> {
    const own = join(directory(), name)
    mkdirSync(own)
    const shell = new Shell(own)
    shell.tar('t.tar', { file: 'x' })
    const lines = LINES.map(([words]) => `"${process.execPath}" "${bin}" ${words}; echo ${MARK}`)
    const script = join(own, 'all')
    writeFileSync(script, `#!/bin/sh\nexport GRAPHDRIVER_DRIVER=overlay\n${lines.join('\n')}\n`, {
      mode: 0o755,
    })
    const terminal = 'script --quiet --return --echo never --command ./all /dev/null'
    const run = on === 'terminal' ? terminal : './all 2>&1'
    const line = `env --unset NO_COLOR TERM=xterm ${environment} ${run}`
    const { out } = await ended(
      spawn('sh', ['-c', line], { cwd: own, env: shell.env, stdio: ['ignore', 'pipe', 'pipe'] }),
    )
    const parts = out.split(MARK).slice(0, -1)
    assert.equal(parts.length, LINES.length, out)
    return parts
  }
})

import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { VERBS } from '#lib/cli/verbs.js'
import { describeMounts } from '../namespace.ts'
import { bin, Shell } from './support.ts'

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
const MARK = '=====NEXT'
/** SGR, ECMA-48, 8.3.117: colours and weights. */
const ESCAPE = String.fromCharCode(27)
const SGR = new RegExp(`${ESCAPE}\\[[\\d;]*m`)
/** Node.js 22 and newer say so to who sets both, in every program that imports node:util. */
const NODES_OWN = /Warning: The 'NO_COLOR' env is ignored due to the 'FORCE_COLOR' env/

describeMounts('graphdriver: colours', function (directory) {
  // Every step is a process of its own, and the machine may be busy with others.
  this.timeout(240_000)
  let shell: Shell
  before(() => {
    const tried = LINES.map(([words]) => words.split(' ')[0])
    assert.deepEqual(
      VERBS.map(({ name }) => name).filter((name) => !tried.includes(name)),
      [],
    )
  })
  beforeEach(() => {
    shell = new Shell(directory())
    shell.tar('t.tar', { file: 'x' })
    const lines = LINES.map(([words]) => `"${process.execPath}" "${bin}" ${words}; echo ${MARK}`)
    const script = join(directory(), 'all')
    writeFileSync(script, `#!/bin/sh\nexport GRAPHDRIVER_DRIVER=overlay\n${lines.join('\n')}\n`)
    chmodSync(script, 0o755)
  })

  /** What each line prints, to the standard output and the standard error, on a terminal or into a pipe. */
  function outputs(environment: string, on: 'terminal' | 'pipe'): string[] {
    const terminal = 'script --quiet --return --echo never --command ./all /dev/null'
    const run = on === 'terminal' ? terminal : './all 2>&1'
    const { out } = shell.line(`env --unset NO_COLOR TERM=xterm ${environment} ${run} </dev/null`)
    const parts = out.split(MARK).slice(0, -1)
    assert.equal(parts.length, LINES.length, out)
    return parts
  }

  for (const [title, environment, on] of [
    ['on a terminal there are some, an empty NO_COLOR is none', 'NO_COLOR=', 'terminal'],
    ['in a pipe there are some with FORCE_COLOR', 'FORCE_COLOR=1', 'pipe'],
  ] as const) {
    it(`${title}: where a colour says something, and nowhere else`, () => {
      const all = outputs(environment, on)
      for (const [at, [words, colored]] of LINES.entries()) {
        assert.equal(SGR.test(all[at]!), colored, `${words}: ${JSON.stringify(all[at])}`)
      }
    })
  }

  for (const [title, environment, on] of [
    ['on a terminal with NO_COLOR', 'NO_COLOR=1', 'terminal'],
    ['in a pipe', 'LANG=C', 'pipe'],
    ['in a pipe with both, NO_COLOR wins', 'NO_COLOR=1 FORCE_COLOR=1', 'pipe'],
  ] as const) {
    it(`${title} there are none`, () => {
      const all = outputs(environment, on)
      for (const [at, [words]] of LINES.entries()) {
        assert.doesNotMatch(all[at]!, SGR, words)
        // Progress, which moves the cursor, is for terminals.
        if (on === 'pipe') assert.ok(!all[at]!.includes('\r'), words)
        assert.doesNotMatch(all[at]!.replace(NODES_OWN, ''), /Warning/, words)
      }
    })
  }
})

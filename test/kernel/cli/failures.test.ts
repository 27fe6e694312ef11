import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describeMounts } from '../namespace.ts'
import { bin, ended, Shell } from './support.ts'

describeMounts('graphdriver: what goes wrong', function (directory) {
  // Every step is a process of its own, and the machine may be busy with others.
  this.timeout(240_000)
  let shell: Shell
  beforeEach(() => {
    shell = new Shell(directory())
  })

  it('one sentence with its code, and what to do; --verbose tells the rest', () => {
    shell.ok('create', 'a')
    const { code, out, err } = shell.run(['mount', 'nosuch'])
    assert.deepEqual([code, out], [1, ''])
    const lines = err.trimEnd().split('\n')
    assert.match(lines[0]!, /^graphdriver: there is no layer "nosuch" .*\(ERR_LAYER_NOT_FOUND\)$/)
    assert.match(lines[1]!, /^ {2}`graphdriver ls`/)
    assert.equal(lines.length, 2)
    assert.match(shell.line('graphdriver mount nosuch --verbose').err, /GraphDriverError.*\n\s+at /)
  })

  it('with --json the error is data', () => {
    const { code, out, err } = shell.run(['ls', '--json'])
    assert.deepEqual([code, out], [1, ''])
    const { error } = JSON.parse(err) as { error: Record<string, unknown> }
    assert.equal(error['code'], 'ENOENT')
    assert.equal(error['path'], shell.root)
    assert.ok(error['message'] && error['remedy'])
  })

  it('a command line that is wrong ends with 2 and does nothing', () => {
    const wrong = [
      [],
      ['nosuch'],
      ['ls', '--nosuch'],
      ['mount'],
      ['convert'],
      ['convert', '--to', 'vfs'],
      ['mounts', 'a', '--format', 'x'],
      ['create', 'a', 'b'],
      ['completion', 'fish'],
      ['doctor', 'EFOO'],
      ['doctor', '99999'],
      ['ls', '--root', 'a\0b'.slice(0, 1), '--root'],
    ]
    for (const words of wrong) {
      const { code, err, out } = shell.run(words)
      assert.equal(code, 2, `${words.join(' ')}: ${err}`)
      assert.match(err, /^graphdriver: \S/m)
      assert.equal(out, '')
    }
    assert.deepEqual(readdirSync(directory()), [])
  })

  it('mistakes of every kind end in a sentence', () => {
    writeFileSync(join(directory(), 'noise'), 'no tar')
    shell.ok('create', 'a')
    mkdirSync(join(directory(), 'full/diff/x'), { recursive: true })
    const mistakes = [
      ['create', 'a'],
      ['create', '--', '-x-'],
      ['create', '../a'],
      ['create', 'b', '--parent', 'nosuch'],
      ['create', 'b', '--from', 'noise'],
      ['create', 'b', '--from', 'nosuch.tar'],
      ['create', 'b', '--from', '.'],
      ['apply', 'a', 'noise'],
      ['apply', 'nosuch', 'noise'],
      ['diff', 'nosuch'],
      ['diff', 'a', '-o', '.'],
      ['changes', 'a', '--parent', 'nosuch'],
      ['rm', 'nosuch'],
      ['umount', 'nosuch'],
      ['flatten', 'a', 'a'],
      ['ls', '--root', 'noise'],
      ['ls', '--root', 'full'],
      ['create', 'a', '--root', 'full'],
      ['create', 'a', '--root', 'noise/below'],
      ['create', 'a', '--root', '/proc/store'],
      ['probe', '--root', '/proc/store'],
      ['convert', '--to', 'aufs', '--root', 'nosuch'],
      ['status', '--driver', 'nosuch'],
    ]
    for (const words of mistakes) {
      const { code, err } = shell.run(words)
      assert.ok(code === 1 || code === 2, `${words.join(' ')}: ${String(code)} ${err}`)
      assert.match(err, /^graphdriver: .*E[A-Z_]{3,}/, words.join(' '))
    }
    assert.deepEqual(shell.ok('ls', '-q'), 'a')
  })

  it('progress is shown on a terminal, and nowhere else', () => {
    const tar = shell.tar('t.tar', { a: 'x' })
    const command = `'${process.execPath}' '${bin}' create a --from '${tar}'`
    const seen = shell.line(
      `script --quiet --return --echo never --command "${command}" /dev/null </dev/null`,
    )
    assert.equal(seen.code, 0, seen.err)
    // The line, and then its end: it is taken away when the work is done.
    assert.match(seen.out.replaceAll('\u001b', '^'), /\rcreate a {2}.*2 entr.*\r\^\[K.*a: 2 entries/s)
    assert.equal(shell.run(['create', 'b', '--from', tar]).err, '')
  })

  it('a tar of zeros alone is an empty one, and its digest is of all of it', () => {
    const zeros = Buffer.alloc(1 << 20)
    writeFileSync(join(directory(), 'zeros'), zeros)
    const { applied } = shell.json('create', 'a', '--from', 'zeros') as {
      applied: { entries: number; diffID: string }
    }
    const digest = createHash('sha256').update(zeros).digest('hex')
    assert.deepEqual([applied.entries, applied.diffID], [0, `sha256:${digest}`])
    assert.deepEqual(readdirSync(join(shell.root, 'diff/a')), [])
  })

  for (const [title, from, before] of [
    ['a device', '/dev/zero', ''],
    ['a pipe', '-', 'cat /dev/zero | '],
  ]) {
    it(`a tar that never ends, from ${title!}: progress tells of it, and Ctrl-C ends it`, async () => {
      const command = `${before!}'${process.execPath}' '${bin}' create a --from ${from!}`
      const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
        cwd: directory(),
        env: shell.env,
        stdio: 'pipe',
      })
      const over = ended(child)
      let shown = ''
      child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()))
      while (child.exitCode === null && !/create a {2}[\d.]+ [MG]iB, 0 entries/.test(shown)) await sleep(5)
      child.stdin.write('\x03')
      const { code, out } = await over
      assert.equal(code, 130, out)
      assert.match(out, /graphdriver: ended by SIGINT; what was begun is undone\r\n/)
      assert.equal(shell.ok('ls', '-q'), '')
      assert.deepEqual(stagingOf(shell), [])
    })
  }

  it('a reader that goes away ends it quietly', () => {
    const early = shell.line('graphdriver mountinfo | head -1; echo "${PIPESTATUS[@]}"')
    assert.match(early.out, /^TARGET.*\n(141|0) 0\n$/)
    assert.equal(early.err, '')
    shell.ok('create', 'a', '--from', shell.tar('a.tar', { big: 'x'.repeat(4 << 20) }))
    const cut = shell.line('graphdriver diff a | head -c 10 >/dev/null; echo "${PIPESTATUS[@]}"')
    assert.deepEqual([cut.out, cut.err], ['141 0\n', ''])
    assert.match(shell.line('graphdriver --help >/dev/full').err, /^graphdriver: |^$/)
  })

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    for (const verb of ['apply', 'create'] as const) {
      it(`${signal} during ${verb} leaves nothing half-made`, async () => {
        shell.ok('create', 'base')
        if (verb === 'apply') shell.ok('create', 'a', '--parent', 'base')
        const words = verb === 'apply' ? ['apply', 'a'] : ['create', 'a', '--parent', 'base', '--from', '-']
        const child = shell.start(words)
        const over = ended(child)
        // It may be closed while it is written to.
        child.stdin!.on('error', () => undefined)
        // Half of a tar, and then nothing more comes.
        child.stdin!.write(
          readFileSync(shell.tar('t.tar', { big: 'x'.repeat(1 << 20) })).subarray(0, 600_000),
        )
        while (child.exitCode === null && stagingOf(shell).length === 0) await sleep(5)
        child.kill(signal)
        const { err, code: exit } = await over
        assert.equal(exit, code)
        assert.equal(err, `graphdriver: ended by ${signal}; what was begun is undone\n`)
        assert.deepEqual(stagingOf(shell), [])
        assert.deepEqual(shell.mounted(), [])
        assert.equal(shell.ok('ls', '-q'), verb === 'apply' ? 'a\nbase' : 'base')
        if (verb === 'apply') assert.deepEqual(readdirSync(join(shell.root, 'diff/a')), [])
      })
    }
  }
})

function stagingOf(shell: Shell): string[] {
  return readdirSync(join(shell.root, 'staging'))
}

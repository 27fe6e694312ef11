import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { open } from 'graphdriver'
import { skip } from '../../skip.ts'
import { describeMounts } from '../namespace.ts'
import { bin, type Ended, ended, Shell } from './support.ts'

const CODES = { SIGINT: 130, SIGTERM: 143 } as const
type Signal = keyof typeof CODES

/** When a command is in the middle of its work: after some of these system calls. */
interface Middle {
  /** They take a while each, so that there is a middle. */
  readonly calls: string
  /** A line of strace(1) that shows one of the work's own. */
  readonly of: RegExp
}

const READS_LAYERS: Middle = { calls: 'getdents64', of: /store\/diff\/\w/g }
const OPENS_FILES: Middle = { calls: 'openat,openat2', of: /store\/diff\/\w/g }
const DIRECTORIES = 30

describeMounts('graphdriver, interrupted', function (directory) {
  // Every step is a process of its own, and the machine may be busy with others.
  this.timeout(240_000)
  let shell: Shell
  beforeEach(async function () {
    if (spawnSync('strace', ['-D', 'true']).status !== 0) skip(this, 'strace is not here, or may not trace')
    shell = new Shell(directory())
    const files = Array.from({ length: DIRECTORIES }, (_, at) => [`d${String(at)}/file`, 'x'] as const)
    const tar = shell.tar('t.tar', Object.fromEntries(files))
    await using graph = await open({ root: shell.root, driver: 'overlay' })
    await graph.create('base', { from: createReadStream(tar) })
    await graph.create('app', { parent: 'base', from: createReadStream(tar) })
  })

  /** Starts a command whose system calls of some names are slow. It is the child itself: strace -D stands aside. */
  function slowed(words: readonly string[], calls: string): { child: ChildProcess; trace: () => string } {
    const file = join(directory(), 'trace')
    rmSync(file, { force: true })
    const how = ['-D', '-f', '-q', '-y', '-o', file, '-e', `trace=${calls}`]
    const delay = ['-e', `inject=${calls}:delay_enter=10000`]
    const child = spawn('strace', [...how, ...delay, process.execPath, bin, ...words], {
      cwd: directory(),
      env: shell.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return { child, trace: () => (existsSync(file) ? readFileSync(file, 'utf8') : '') }
  }

  /** Runs a command, and ends it by a signal as soon as it is in the middle. */
  async function interrupt(
    words: readonly string[],
    signal: Signal,
    calls: string,
    isInTheMiddle: (trace: string) => boolean,
  ): Promise<Ended> {
    const { child, trace } = slowed(words, calls)
    const over = ended(child)
    while (child.exitCode === null && !isInTheMiddle(trace())) await sleep(5)
    assert.equal(child.exitCode, null, 'it was over before it was interrupted')
    child.kill(signal)
    return over
  }

  function after(middle: Middle): (trace: string) => boolean {
    return (trace) => (trace.match(middle.of)?.length ?? 0) >= 3
  }

  function isClean(files: readonly string[]): void {
    assert.deepEqual(readdirSync(join(shell.root, 'staging')), [])
    assert.deepEqual(shell.mounted(), [])
    const now = readdirSync(directory()).filter((name) => name !== 'trace')
    assert.deepEqual(now, files)
  }

  const lookers: [verb: string, words: string[], middle: Middle, signal: Signal][] = [
    ['changes', ['changes', 'app'], READS_LAYERS, 'SIGINT'],
    ['size', ['size', 'app'], READS_LAYERS, 'SIGTERM'],
    ['tree', ['tree'], READS_LAYERS, 'SIGINT'],
    ['ls', ['ls'], { calls: 'openat', of: /store\/layers/g }, 'SIGINT'],
  ]
  for (const [verb, words, middle, signal] of lookers) {
    it(`${verb}: no half of an answer, and ${signal} is told`, async () => {
      const files = readdirSync(directory())
      const { code, out, err } = await interrupt(words, signal, middle.calls, after(middle))
      assert.deepEqual([code, out, err], [CODES[signal], '', `graphdriver: ended by ${signal}\n`])
      isClean(files)
      assert.notEqual(shell.ok(...words), '')
    })
  }

  const packers: [title: string, words: string[], signal: Signal][] = [
    ['a tar', [], 'SIGINT'],
    ['a compressed tar', ['--gzip'], 'SIGTERM'],
  ]
  for (const [title, options, signal] of packers) {
    it(`diff: ${title} is there whole or not at all`, async () => {
      writeFileSync(join(directory(), 'old.tar'), 'old')
      const files = readdirSync(directory())
      for (const name of ['old.tar', 'new.tar']) {
        const words = ['diff', 'app', ...options, '-o', name]
        const { code, err } = await interrupt(words, signal, OPENS_FILES.calls, after(OPENS_FILES))
        assert.deepEqual(
          [code, err],
          [CODES[signal], `graphdriver: ended by ${signal}; what was begun is undone\n`],
        )
        isClean(files)
        assert.equal(readFileSync(join(directory(), 'old.tar'), 'utf8'), 'old')
      }
      shell.ok('diff', 'app', ...options, '-o', 'new.tar')
      assert.match(shell.line('tar tf new.tar').out, /^d0\/\n/)
    })
  }

  it('flatten: the new layer is not there, and can be made', async () => {
    const files = readdirSync(directory())
    const words = ['flatten', 'app', 'one']
    const isCopying = (trace: string): boolean =>
      after(OPENS_FILES)(trace) && readdirSync(join(shell.root, 'staging')).length > 0
    const { code, err } = await interrupt(words, 'SIGINT', OPENS_FILES.calls, isCopying)
    assert.deepEqual([code, err], [130, 'graphdriver: ended by SIGINT; what was begun is undone\n'])
    isClean(files)
    assert.equal(shell.ok('ls', '-q'), 'app\nbase')
    shell.ok(...words)
    assert.equal(readdirSync(join(shell.root, 'diff/one')).length, DIRECTORIES)
  })

  for (const [to, title] of [
    ['aufs', 'the same command finishes it'],
    ['overlay', 'and it can be taken back'],
  ] as const) {
    it(`convert: the store is half-way; ${title}`, async () => {
      const ids = Array.from({ length: 12 }, (_, at) => `l${String(at)}`)
      const graph = await open({ root: shell.root })
      for (const id of ids) await graph.create(id, { parent: 'app' })
      await graph.close()
      const deletions = ids.map((id) => `store/diff/${id}/d0`).join(' ')
      assert.equal(shell.line(`for path in ${deletions}; do mknod $path c 0 0; done`).code, 0)
      const stamp = join(shell.root, 'graphdriver.json')
      const { code, err } = await interrupt(['convert', '--to', 'aufs'], 'SIGINT', 'getdents64', () =>
        readFileSync(stamp, 'utf8').includes('converting'),
      )
      assert.deepEqual(
        [code, err],
        [130, 'graphdriver: ended by SIGINT; the same command goes on from there\n'],
      )
      assert.match(readFileSync(stamp, 'utf8'), /converting/)
      assert.match(shell.run(['ls']).err, /ERR_STORE_CONVERTING/)
      assert.deepEqual(shell.mounted(), [])
      shell.ok('convert', '--to', to)
      assert.match(readFileSync(stamp, 'utf8'), new RegExp(`"driver": "${to}"`))
      await using converted = await open({ root: shell.root, readOnly: true })
      for (const id of ids) assert.deepEqual(await converted.changes(id), [{ path: '/d0', kind: 'deleted' }])
    })
  }

  it('cleanup: what is unmounted stays so, and the same command does the rest', async () => {
    const graph = await open({ root: shell.root })
    const ids = Array.from({ length: 6 }, (_, at) => `l${String(at)}`)
    for (const id of ids) await graph.create(id, { parent: 'app' })
    await graph.close()
    for (const id of ids) shell.ok('mount', id)
    const { code, err } = await interrupt(['cleanup'], 'SIGTERM', 'umount2', (trace) => /mnt\/l1/.test(trace))
    const left = 'what was done stays done, and the same command does the rest'
    assert.deepEqual([code, err], [143, `graphdriver: ended by SIGTERM; ${left}\n`])
    assert.ok(shell.mounted().length < ids.length && shell.mounted().length > 0, shell.mounted().join(' '))
    shell.ok('cleanup')
    assert.deepEqual(shell.mounted(), [])
    assert.equal(shell.ok('ls', '-q'), ['app', 'base', ...ids].join('\n'))
  })

  it('rm: a layer that is being deleted is gone', async () => {
    const files = readdirSync(directory())
    const middle = { calls: 'unlinkat', of: /"file"/g }
    const { code, err } = await interrupt(['rm', 'app', 'base'], 'SIGINT', middle.calls, after(middle))
    assert.deepEqual(
      [code, err],
      [130, 'graphdriver: ended by SIGINT; a removal that had begun is finished\n'],
    )
    isClean(files)
    assert.equal(shell.ok('ls', '-q'), 'base')
    assert.deepEqual(readdirSync(join(shell.root, 'diff')), ['base'])
  })

  const printers: [title: string, words: string[], said: string][] = [
    ['an answer', ['changes', 'long'], ''],
    ['a tar', ['diff', 'long'], '; what was begun is undone'],
    ['a compressed tar', ['diff', 'long', '--gzip'], '; what was begun is undone'],
  ]
  for (const [title, words, said] of printers) {
    it(`${title} that its reader does not take: it ends without him`, async () => {
      mkdirSync(join(directory(), 'r'))
      // More than a pipe or a socket holds, compressed or not.
      const make = 'cd r && seq -f %0220.0f 4000 | xargs touch && head -c 4M /dev/urandom >noise'
      assert.equal(shell.line(`${make} && tar -cf ../r.tar .`).code, 0)
      shell.ok('create', 'long', '--from', 'r.tar')
      const child = shell.start(words, 'ignore')
      let err = ''
      child.stderr!.on('data', (chunk: Buffer) => (err += chunk.toString()))
      await once(child.stdout!, 'readable')
      // Until nothing more can be written.
      await sleep(300)
      child.kill('SIGINT')
      const [code] = (await once(child, 'exit')) as [number]
      child.stdout!.destroy()
      await once(child, 'close')
      assert.deepEqual([code, err], [130, `graphdriver: ended by SIGINT${said}\n`])
    })
  }
})

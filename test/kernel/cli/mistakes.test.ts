import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeMounts } from '../namespace.ts'
import { bin, Shell } from './support.ts'

describeMounts('graphdriver: mistakes at a shell', function (directory) {
  // Every step is a process of its own, and the machine may be busy with others.
  this.timeout(240_000)
  let shell: Shell
  beforeEach(() => {
    shell = new Shell(directory())
  })

  /** Runs what has to fail, with this code, and answers the sentence. */
  function fails(code: number, ...words: string[]): string {
    const ended = shell.run(words)
    assert.equal(ended.code, code, `${words.join(' ')}: ${ended.err}`)
    return ended.err.split('\n')[0] ?? ''
  }

  it('help is no error, and help on what there is not is one', () => {
    assert.match(shell.ok('help'), /^Usage: graphdriver .*\n {2}create <id> /s)
    assert.match(shell.ok('help', 'create'), /^Usage: graphdriver create /)
    assert.equal(shell.ok('help', 'create'), shell.ok('create', '--help'))
    assert.match(fails(2, 'help', 'nosuch'), /^graphdriver: unknown verb 'nosuch'; `graphdriver help` /)
    const alone = shell.run([])
    assert.deepEqual([alone.code, alone.out], [2, ''])
    assert.equal(alone.err, 'graphdriver: name a verb; `graphdriver help` lists them\n')
    assert.equal(shell.run(['crate']).err, "graphdriver: unknown command 'crate' (Did you mean create?)\n")
    assert.equal(shell.line('graphdriver --help >/dev/full').code, 1)
    const { error } = JSON.parse(shell.run(['--json']).err) as { error: { code: string } }
    assert.equal(error.code, 'ERR_USAGE')
  })

  it('an empty word is none: a store is never made where an empty variable leads', () => {
    for (const words of [
      ['create', 'a', '--root', ''],
      ['create', ''],
      ['create', 'a', '--parent', ''],
      ['create', 'a', '--from', ''],
      ['apply', 'a', ''],
      ['diff', 'a', '--output', ''],
      ['mounts', 'a', '--target', ''],
      ['ls', '--driver', ''],
      ['doctor', ''],
    ]) {
      assert.match(fails(2, ...words), /^graphdriver: \w+ is an empty word$/)
    }
    assert.deepEqual(readdirSync(directory()), [])
  })

  it('a root that was mistyped is told of, and not made', () => {
    const tar = shell.tar('t.tar', { file: 'x' })
    for (const words of [
      ['mount', 'a'],
      ['umount', 'a'],
      ['rm', 'a'],
      ['apply', 'a', tar],
      ['flatten', 'a', 'b'],
      ['cleanup'],
    ]) {
      assert.match(
        fails(1, ...words, '--root', 'nosuch'),
        /^graphdriver: ENOENT: .*nosuch': there is no store/,
      )
    }
    assert.equal(existsSync(join(directory(), 'nosuch')), false)
  })

  it('on a read-only disk the store can be looked at, and doctor says that nothing else can be done', () => {
    const script = `mkdir disk; mount -t tmpfs disk disk; export GRAPHDRIVER_ROOT=$PWD/disk/store
      graphdriver create a; mount -o remount,ro disk; graphdriver ls -q; graphdriver doctor --json >report; echo $?
      graphdriver create b; echo $?; umount disk`
    const done = shell.line(script)
    assert.equal(done.out, 'a\na\n0\n1\n')
    assert.match(done.err, /^graphdriver: EROFS: .*\n.*ls, tree and changes work all the same\.\n$/)
    const report = readFileSync(join(directory(), 'report'), 'utf8')
    const { findings } = JSON.parse(report) as { findings: { check: string; status: string }[] }
    for (const wanted of ['drivers', 'backing'])
      assert.equal(findings.find(({ check }) => check === wanted)?.status, 'warning', wanted)
    assert.doesNotMatch(report, /readOnly/)
  })

  it('files are named as the command line has them', () => {
    shell.ok('create', 'a', '--from', shell.tar('a.tar', { file: 'x' }))
    shell.ok('create', 'b')
    const at = (name: string): string => join(directory(), name)
    assert.match(fails(1, 'diff', 'a', '-o', 'no/out.tar'), /^graphdriver: ENOENT: .*, open 'no\/out\.tar'$/)
    assert.match(fails(1, 'diff', 'a', '-o', '.'), /^graphdriver: EISDIR: .* '\.'$/)
    assert.match(fails(1, 'apply', 'b', '.'), /^graphdriver: EISDIR: .* '\.'$/)
    assert.match(fails(1, 'diff', 'a', '-o', '/dev/full'), /^graphdriver: ENOSPC: .* '\/dev\/full'$/)
    const full = shell.line('graphdriver ls >/dev/full').err
    assert.match(full, /^graphdriver: ENOSPC: .* 'the standard output'\n/)
    assert.match(
      shell.line('graphdriver diff a >/dev/full').err,
      /^graphdriver: ENOSPC: .* 'the standard output'\n/,
    )
    const [, remedy] = shell.run(['apply', 'b', '.']).err.split('\n')
    assert.match(remedy ?? '', /^ {2}Name a file\./)
    assert.equal(existsSync(at('no')), false)
  })

  it('a full disk leaves the store as it was', () => {
    mkdirSync(join(directory(), 'small'))
    const tar = shell.tar('big.tar', { big: 'x'.repeat(1 << 20) })
    const script = `mount -t tmpfs -o size=600k small small; export GRAPHDRIVER_ROOT=$PWD/small/store
      graphdriver create a
      graphdriver create b --from ${tar}; echo $?; graphdriver ls -q; find small/store/staging small/store/diff
      graphdriver --root ${shell.root} create c --from ${tar}
      graphdriver --root ${shell.root} diff c -o small/out.tar; echo $?; ls small; umount small`
    const done = shell.line(script)
    assert.match(
      done.err,
      /^graphdriver: ENOSPC: .*\/b\/big'\n {2}\S.*\ngraphdriver: ENOSPC: .* 'small\/out\.tar'\n/,
    )
    const kept = ['small/store/staging', 'small/store/diff', 'small/store/diff/a']
    const lines = done.out.split('\n').filter((line) => !line.startsWith('c:'))
    assert.deepEqual(lines, ['a', '1', 'a', ...kept, '1', 'store', ''])
  })

  it('options of run stand before the layer', () => {
    shell.ok('create', 'a')
    assert.match(fails(2, 'run', 'a', '--root', 'x', '--', 'sh'), /options stand before the layer/)
    // What is behind -- is the program's, whatever it looks like.
    assert.equal(shell.run(['run', 'a', '--', '--json']).code, 127)
    assert.doesNotMatch(shell.run(['run', 'nosuch', '--', 'sh', '--json']).err, /^\{/)
  })

  it('a target is a path from here, and links lead to what is mounted', () => {
    shell.ok('create', 'base')
    shell.ok('create', 'a', '-p', 'base')
    assert.ok(shell.ok('mounts', 'a', '-t', 'at').endsWith(` ${join(directory(), 'at')}`))
    symlinkSync('/proc', join(directory(), 'link'))
    assert.match(shell.ok('mountinfo', 'link'), /\n\/proc +proc /)
    assert.equal(shell.ok('mountinfo', 'nosuch').split('\n').length, 1)
  })

  it('--driver: probe tries that one alone, and doctor and probe refuse what is none', () => {
    const { drivers } = shell.json('probe', '--driver', 'vfs') as { drivers: { driver: string }[] }
    assert.deepEqual(
      drivers.map(({ driver }) => driver),
      ['vfs'],
    )
    for (const verb of ['probe', 'doctor']) {
      assert.match(fails(1, verb, '--driver', 'nosuch'), /ERR_DRIVER_UNKNOWN/)
    }
  })

  it('without /proc it says so, and doctor goes on', () => {
    shell.ok('create', 'a')
    const command = `"${process.execPath}" "${bin}"`
    // What is mounted there may hide another one.
    const hide = 'mount -t tmpfs none /proc'
    const hidden = (words: string): ReturnType<Shell['line']> =>
      shell.line(`unshare --mount --propagation private sh -c '${hide}; exec ${command} ${words}'`)
    const { code, err } = hidden('ls')
    assert.equal(code, 1)
    assert.match(
      err,
      /^graphdriver: ENOENT: .*which has to be mounted\n {2}Mount it: `mount -t proc proc \/proc`\.\n$/,
    )
    const examined = hidden('doctor --json')
    assert.equal(examined.code, 3, examined.err)
    const { findings } = JSON.parse(examined.out) as { findings: { check: string; status: string }[] }
    assert.equal(findings.find(({ check }) => check === 'mounts')?.status, 'error')
    assert.ok(findings.some(({ check }) => check === 'backing'))
  })

  it('without a home, a locale or a terminal of any ability it works all the same', () => {
    shell.ok('create', 'a')
    const node = process.execPath
    const bare = shell.line(
      `env -i ${node} ${bin} tree --root store; env -i TERM=dumb LANG=C ${node} ${bin} ls -q --root store`,
    )
    assert.deepEqual([bare.code, bare.err], [0, ''])
    assert.match(bare.out, /^a +0 B\n.*\na\n$/s)
    const closed = shell.line(
      'graphdriver ls -q <&-; graphdriver ls -q 2>&-; graphdriver ls -q >&-; graphdriver nosuch 2>&-',
    )
    assert.deepEqual([closed.code, closed.out, closed.err], [2, 'a\na\n', ''])
  })

  it('a closed standard output cannot be told from one that the caller ignores, so it is no failure', () => {
    // Node.js opens /dev/null in its place, before any of our code runs, in the way in which programs open it for their children.
    const script = `const { readFileSync, readlinkSync, writeSync } = require('node:fs')
      const [flags] = readFileSync('/proc/self/fdinfo/1', 'utf8').match(/flags:.*/)
      writeSync(2, readlinkSync('/proc/self/fd/1') + ' ' + flags)`
    writeFileSync(join(directory(), 'which.cjs'), script)
    const closed = shell.line(`"${process.execPath}" which.cjs >&-`)
    const ignored = spawnSync(process.execPath, ['which.cjs'], {
      cwd: directory(),
      env: shell.env,
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    assert.match(closed.err, /^\/dev\/null flags:/)
    assert.equal(closed.err, ignored.stderr)
    shell.ok('create', 'a')
    assert.deepEqual(shell.line('graphdriver ls >&-'), { code: 0, out: '', err: '' })
    // What can be known is told.
    assert.equal(shell.line('graphdriver ls >/dev/full').code, 1)
  })

  it('an ordinary user is told who may, and nothing is made', () => {
    shell.ok('create', 'a')
    for (const verb of [
      'ls',
      'create b',
      'mount a',
      'umount a',
      'run a -- sh',
      'rm a',
      'cleanup',
      'convert --to aufs',
    ]) {
      const done = shell.line(
        `setpriv --reuid 1000 --regid 1000 --clear-groups "${process.execPath}" "${bin}" ${verb}`,
      )
      assert.equal(done.code, verb.startsWith('run') ? 125 : 1, done.err)
      assert.match(done.err, /^graphdriver: EACCES: .*\n {2}Run as the user that made the store.*\n$/)
    }
    assert.equal(shell.ok('ls', '-q'), 'a')
  })

  it('tars that are none, or cut: one sentence, and nothing of them is there', () => {
    shell.ok('create', 'a')
    const whole = readFileSync(shell.tar('t.tar', { one: 'x'.repeat(5000), two: 'y' }))
    const tars: [bytes: Buffer, code: string][] = [
      [whole.subarray(0, 3000), 'ERR_ARCHIVE_TRUNCATED'],
      [whole.subarray(0, 100), 'ERR_ARCHIVE_TRUNCATED'],
      [Buffer.from([0x1f, 0x8b, 8, 0]), 'ERR_ARCHIVE_TRUNCATED'],
      [Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), 'ERR_ARCHIVE_UNSUPPORTED'],
      [readFileSync(process.execPath).subarray(0, 4096), 'ERR_ARCHIVE_FORMAT'],
    ]
    for (const [bytes, code] of tars) {
      writeFileSync(join(directory(), 'bad'), bytes)
      assert.match(fails(1, 'apply', 'a', 'bad'), new RegExp(`^graphdriver: .*\\(${code}\\)$`))
      assert.match(fails(1, 'create', 'b', '--from', 'bad'), new RegExp(`\\(${code}\\)$`))
    }
    assert.equal(shell.ok('ls', '-q'), 'a')
    assert.deepEqual(readdirSync(join(shell.root, 'diff/a')), [])
    assert.deepEqual(readdirSync(join(shell.root, 'staging')), [])
  })
})

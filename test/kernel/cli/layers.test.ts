import assert from 'node:assert/strict'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describeMounts } from '../namespace.ts'
import { Shell } from './support.ts'

describeMounts('graphdriver: layers from a shell', function (directory) {
  // Every step is a process of its own, and the machine may be busy with others.
  this.timeout(240_000)
  let shell: Shell
  beforeEach(() => {
    shell = new Shell(directory())
  })

  it('create makes the store and layers, empty, of a file and of the standard input', () => {
    const tar = shell.tar('base.tar', { 'etc/motd': 'hello' })
    assert.match(shell.ok('create', 'base', '--from', tar), /^base: \d+ entries, .* sha256:[0-9a-f]{64}$/)
    assert.deepEqual(shell.json('create', 'app', '--parent', 'base'), { id: 'app', parent: 'base' })
    const piped = shell.run(['create', 'piped', '--from', '-', '--json'], gzipSync(readFileSync(tar)))
    assert.equal(piped.code, 0, piped.err)
    const { applied } = JSON.parse(piped.out) as { applied: { entries: number; diffID: string } }
    assert.match(applied.diffID, /^sha256:/)
    assert.equal(shell.ok('ls', '--quiet'), 'app\nbase\npiped')
  })

  it('ls tells parents, children and states; as data, too', () => {
    shell.ok('create', 'base')
    shell.ok('create', 'app', '-p', 'base')
    mkdirSync(join(shell.root, 'diff/lost'))
    shell.ok('mount', 'app')
    const lines = shell.ok('ls').split('\n')
    assert.deepEqual(
      lines.map((line) => line.split(/\s{2,}/)),
      [
        ['LAYER', 'PARENT', 'CHILDREN', 'STATE'],
        ['app', 'base', '0', 'mounted'],
        ['base', '-', '1'],
        ['lost', '-', '0', 'orphan'],
      ],
    )
    const { layers } = shell.json('ls') as { layers: Record<string, unknown>[] }
    assert.deepEqual(layers[0], {
      id: 'app',
      parent: 'base',
      children: [],
      mounted: true,
      held: false,
      inUse: true,
    })
    assert.equal(shell.ok('ls', '-q'), 'app\nbase')
    shell.ok('umount', 'app')
  })

  it('apply fills an empty layer from a file and from the standard input', () => {
    const tar = shell.tar('a.tar', { 'a/file': 'contents' })
    shell.ok('create', 'one')
    shell.ok('create', 'two')
    const said = shell.json('apply', 'one', tar)
    assert.equal(said['id'], 'one')
    assert.deepEqual(said['warnings'], [])
    assert.equal(shell.run(['apply', 'two'], readFileSync(tar)).code, 0)
    assert.equal(readFileSync(join(shell.root, 'diff/two/a/file'), 'utf8'), 'contents')
    const again = shell.run(['apply', 'one', tar])
    assert.equal(again.code, 1)
    assert.match(again.err, /ERR_LAYER_NOT_EMPTY\)\n {2}\S/)
  })

  it('diff writes to the standard output and to a file, plain and compressed', () => {
    shell.ok('create', 'a', '--from', shell.tar('a.tar', { 'a/file': 'contents' }))
    assert.equal(shell.line('graphdriver diff a | tar t').out, 'a/\na/file\n')
    assert.equal(shell.line('graphdriver diff a --gzip | tar tz').out, 'a/\na/file\n')
    assert.match(shell.ok('diff', 'a', '-o', 'out.tar'), /^a: 2 entries/)
    shell.ok('diff', 'a', '--gzip', '--output', 'out.tar.gz')
    assert.equal(
      shell.line('cmp out.tar <(gzip -dc out.tar.gz) && cmp out.tar <(graphdriver diff a)').code,
      0,
    )
    assert.deepEqual(
      readdirSync(directory()).filter((name) => name.includes('.part')),
      [],
    )
    const aside = shell.run(['diff', 'a', '--json'])
    assert.equal((JSON.parse(aside.err) as { entries: number }).entries, 2)
  })

  it('diff leaves nothing of a file that it could not finish', () => {
    shell.ok('create', 'a')
    writeFileSync(join(directory(), 'old.tar'), 'old')
    assert.equal(shell.run(['diff', 'nosuch', '-o', 'old.tar']).code, 1)
    assert.equal(readFileSync(join(directory(), 'old.tar'), 'utf8'), 'old')
    assert.equal(shell.run(['diff', 'a', '-o', '/nosuch/out.tar']).code, 1)
    assert.equal(shell.line('graphdriver diff a > /dev/full').code, 1)
  })

  it('diff follows a link to a file, which keeps its mode and its owner', () => {
    shell.ok('create', 'a')
    const [old, link] = [join(directory(), 'old.tar'), join(directory(), 'link.tar')]
    writeFileSync(old, 'old', { mode: 0o640 })
    chownSync(old, 7, 8)
    symlinkSync('old.tar', link)
    shell.ok('diff', 'a', '-o', 'link.tar')
    assert.equal(readlinkSync(link), 'old.tar')
    const { size, uid, gid, mode } = statSync(old)
    assert.deepEqual([size, uid, gid, mode & 0o7777], [1024, 7, 8, 0o640])
  })

  it('changes, size and tree tell what a layer adds', () => {
    shell.ok('create', 'base', '--from', shell.tar('b.tar', { old: '1234', gone: 'x' }))
    shell.ok('create', 'app', '-p', 'base')
    const change = 'echo -n 123456 > new; echo more >> old; rm gone; touch "$(printf "a\\nb")"'
    assert.equal(shell.line(`cd "$(graphdriver mount app)" && ${change}`).code, 0)
    shell.ok('umount', 'app')
    assert.deepEqual(shell.ok('changes', 'app').split('\n').sort(), [
      'A /a\\nb',
      'A /new',
      'C /old',
      'D /gone',
    ])
    const { changes } = shell.json('changes', 'app') as { changes: unknown[] }
    assert.equal(changes.length, 4)
    assert.equal(shell.ok('size', 'app'), '15')
    assert.deepEqual(shell.json('size', 'app'), { id: 'app', size: 15 })
    assert.equal(shell.ok('size', 'base', '--human'), '5 B')
    assert.match(shell.ok('changes', 'app', '--svg'), /^<svg .*15 B in 3 files; 1 deletion.*<\/svg>$/s)
    assert.match(shell.ok('tree'), /^base +5 B\n╰ app +15 B\n\n2 layers, 20 B, 0 mounted$/)
    assert.match(shell.ok('tree', '--dot'), /^digraph layers \{.*n0 -> n1\n\}$/s)
    assert.match(shell.ok('tree', '--mermaid'), /^flowchart LR\n.*n0 --> n1/s)
    assert.match(shell.ok('tree', '--svg'), /^<svg .*<\/svg>$/s)
    const { layers } = shell.json('tree', '--no-size') as { layers: object[] }
    assert.equal('size' in layers[0]!, false)
    assert.equal(shell.run(['tree', '--svg', '--dot']).code, 2)
  })

  it('mounts gives a line that mounts, in three forms, and performs nothing', () => {
    shell.ok('create', 'base')
    shell.ok('create', 'app', '-p', 'base')
    assert.deepEqual(shell.mounted(), [])
    const command = shell.ok('mounts', 'app', '--target', directory())
    assert.match(command, /^mount -t \w+ -o \S+ \S+ \S+$/)
    const target = join(directory(), 'at here')
    mkdirSync(target)
    const done = shell.line(`eval "$(graphdriver mounts app --target '${target}')" && umount '${target}'`)
    assert.equal(done.code, 0, done.err)
    const fstab = shell.ok('mounts', 'app', '--format', 'fstab', '--target', target)
    assert.match(fstab, /^\S+ \S+at\\040here \S+ noauto,\S+ 0 0$/)
    writeFileSync(join(directory(), 'fstab'), `${fstab}\n`)
    assert.equal(shell.line(`mount --fstab fstab '${target}' && umount '${target}'`).code, 0)
    const [first] = JSON.parse(shell.ok('mounts', 'app', '-f', 'containerd')) as { options: string[] }[]
    assert.ok(first!.options.length > 0)
    assert.deepEqual(Object.keys(shell.json('mounts', 'app')).sort(), [
      'command',
      'fstab',
      'id',
      'mounts',
      'target',
    ])
  })

  it('flatten makes one layer of a chain, and rm removes layers', () => {
    shell.ok('create', 'base', '--from', shell.tar('b.tar', { a: '1' }))
    shell.ok('create', 'app', '-p', 'base', '--from', shell.tar('c.tar', { b: '2' }))
    assert.deepEqual(shell.json('flatten', 'app', 'one'), { id: 'one', from: 'app' })
    assert.deepEqual(readdirSync(join(shell.root, 'diff/one')).sort(), ['a', 'b'])
    const refused = shell.run(['rm', 'base'])
    assert.equal(refused.code, 1)
    assert.match(refused.err, /ERR_LAYER_HAS_CHILDREN/)
    assert.deepEqual(shell.json('rm', 'app', 'base'), { removed: ['app', 'base'] })
    assert.equal(shell.ok('ls', '-q'), 'one')
  })

  it('rm removes what it can, and tells of each that it cannot', () => {
    for (const id of ['a', 'b', 'c', 'base']) shell.ok('create', id)
    shell.ok('create', 'app', '-p', 'base')
    const { code, out, err } = shell.run(['rm', 'a', 'nosuch', 'base', 'b'])
    assert.deepEqual([code, out], [1, ''])
    assert.match(
      err,
      /^graphdriver: removed: a b\ngraphdriver: there is no layer "nosuch".*\n {2}\S.*\ngraphdriver: .*"base".*\(ERR_LAYER_HAS_CHILDREN\)\n {2}\S.*\n$/,
    )
    assert.equal(shell.ok('ls', '-q'), 'app\nbase\nc')
    const data = shell.run(['rm', 'nosuch', 'c', '../x', '--json'])
    assert.deepEqual([data.code, JSON.parse(data.out)], [1, { removed: ['c'] }])
    const lines = data.err.trimEnd().split('\n')
    const errors = lines.map((line) => (JSON.parse(line) as { error: { code: string } }).error.code)
    assert.deepEqual(errors, ['ERR_LAYER_NOT_FOUND', 'ERR_INVALID_LAYER_ID'])
    const many = Array.from({ length: 20 }, (_, at) => `no${String(at)}`)
    // Nothing but them, as a warning of Node's.
    const told = shell
      .run(['rm', ...many])
      .err.trimEnd()
      .split('\n')
    assert.deepEqual(
      told.filter((line) => line.startsWith('graphdriver: ')).map((line) => /"(\w+)"/.exec(line)?.[1]),
      many,
    )
    assert.equal(told.length, 2 * many.length)
  })

  it('convert turns the store into one of aufs and back', () => {
    shell.ok('create', 'base', '--from', shell.tar('b.tar', { a: '1' }), '--driver', 'overlay')
    shell.ok('create', 'app', '-p', 'base')
    assert.equal(shell.line('rm "$(graphdriver mount app)/a" && graphdriver cleanup').code, 0)
    const there = shell.json('convert', '--to', 'aufs')
    assert.deepEqual(there, { from: 'overlay', to: 'aufs', layers: 2, whiteouts: 1, opaque: 0, dropped: 0 })
    assert.deepEqual(readdirSync(join(shell.root, 'diff/app')), ['.wh.a'])
    // To be looked at without an aufs kernel.
    assert.equal(shell.ok('changes', 'app'), 'D /a')
    assert.match(shell.ok('convert', '--to', 'overlay'), /^2 layers from aufs to overlay: 1 whiteout, /)
    assert.equal(shell.ok('changes', 'app'), 'D /a')
  })

  it('convert --driver is the driver that the store has, and another is refused', () => {
    shell.ok('create', 'base', '--driver', 'overlay')
    for (const [driver, code] of [
      ['aufs', 'ERR_STORE_OTHER_DRIVER'],
      ['vfs', 'ERR_STORE_OTHER_DRIVER'],
      ['nosuch', 'ERR_DRIVER_UNKNOWN'],
    ] as const) {
      const refused = shell.run(['convert', '--to', 'aufs', '--driver', driver])
      assert.equal(refused.code, 1)
      assert.match(refused.err, new RegExp(`^graphdriver: .*"${driver}".*\\(${code}\\)\n {2}\\S`))
    }
    assert.match(
      shell.run(['convert', '--to', 'aufs'], '', { GRAPHDRIVER_DRIVER: 'vfs' }).err,
      /OTHER_DRIVER/,
    )
    assert.equal(shell.json('status')['driver'], 'overlay')
    shell.ok('convert', '--to', 'aufs', '--driver', 'overlay')
    assert.match(shell.ok('convert', '--to', 'aufs', '--driver', 'aufs'), /^0 layers /)
    // A store that is half-way has two.
    const stamp = { format: 1, driver: 'aufs', xattrs: 'trusted', state: 'converting', to: 'overlay' }
    writeFileSync(join(shell.root, 'graphdriver.json'), JSON.stringify(stamp))
    assert.match(shell.run(['convert', '--to', 'overlay', '--driver', 'vfs']).err, /OTHER_DRIVER/)
    shell.ok('convert', '--to', 'overlay', '--driver', 'overlay')
    assert.equal(shell.json('status')['driver'], 'overlay')
  })

  it('cleanup unmounts what nobody holds, deletes orphans if asked, and says what is still used', () => {
    shell.ok('create', 'base')
    shell.ok('create', 'app', '-p', 'base')
    shell.ok('create', 'used', '-p', 'base')
    const used = shell.ok('mount', 'used')
    shell.ok('mount', 'app')
    mkdirSync(join(shell.root, 'diff/lost'))
    const busy = shell.line(`cd ${used} && graphdriver cleanup --orphans --json`)
    assert.equal(busy.code, 3, busy.err)
    assert.deepEqual(JSON.parse(busy.out), { unmounted: ['app'], busy: ['used'], removed: ['lost'] })
    assert.equal(existsSync(join(shell.root, 'diff/lost')), false)
    assert.equal(shell.ok('cleanup'), 'unmounted  used')
    assert.equal(shell.ok('cleanup'), 'nothing to do')
    assert.deepEqual(shell.mounted(), [])
  })

  it('status and probe tell what works here', () => {
    assert.match(shell.ok('probe'), /^vfs +works/m)
    const { drivers } = shell.json('probe') as { drivers: { driver: string; supported: boolean }[] }
    assert.ok(drivers.some(({ driver, supported }) => driver === 'overlay' && supported))
    assert.equal(existsSync(shell.root), false)
    shell.ok('create', 'base')
    assert.match(shell.ok('status'), /^Driver +\w+\nRoot Dir +\S+store\n/)
    assert.equal(shell.json('status')['root'], shell.root)
  })

  it('mountinfo lists mounts, all or below a path', () => {
    const all = shell.json('mountinfo') as { mounts: { mountPoint: string; type: string }[] }
    assert.ok(all.mounts.some(({ mountPoint }) => mountPoint === '/proc'))
    const own = shell.json('mountinfo', directory()) as typeof all
    assert.deepEqual(
      own.mounts.map(({ mountPoint, type }) => [mountPoint, type]),
      [[directory(), 'tmpfs']],
    )
    assert.match(shell.ok('mountinfo', '.'), /^TARGET .*\n\S+ +tmpfs/)
  })

  it('names that are wide in East Asia take two columns of a table', () => {
    for (const name of ['漢字', 'abcd']) {
      mkdirSync(join(directory(), name))
      assert.equal(shell.line(`mount -t tmpfs x ${name}`).code, 0)
    }
    const [, ...lines] = shell.ok('mountinfo', '.').split('\n')
    const columns = lines.map((line) => line.replaceAll(/[漢字]/g, 'ww').indexOf(' tmpfs '))
    assert.equal(columns.length, 3)
    assert.equal(new Set(columns).size, 1, lines.join('\n'))
    shell.line('umount 漢字 abcd')
  })

  it('--driver chooses the driver of a new store, and a wrong one is refused', () => {
    shell.ok('create', 'a', '--driver', 'vfs')
    assert.equal(shell.json('status')['driver'], 'vfs')
    assert.match(shell.run(['ls', '--driver', 'overlay']).err, /ERR_STORE_OTHER_DRIVER/)
    assert.match(shell.run(['ls'], '', { GRAPHDRIVER_DRIVER: 'nosuch' }).err, /ERR_DRIVER_UNKNOWN/)
    assert.equal(shell.ok('ls', '-q', '--root', 'store'), 'a')
  })
})

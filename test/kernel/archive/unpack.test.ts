import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { mountSync, setxattrSync, umount2Sync } from 'graphdriver/sys'
import { directory, file, hardlink, header, pax, symlink } from '../../native/tarbytes.ts'
import { describeMounts } from '../namespace.ts'
import { itSince } from '../since.ts'
import { apply, look, refusal, times, xattrsOf } from './unpack-support.ts'

const second = 1_000_000_000n

/** An ACL as the kernel has it: version 2, entries of tag, permissions and id. */
function acl(...entries: [tag: number, permissions: number, id: number][]): Buffer {
  const bytes = Buffer.alloc(4 + 8 * entries.length)
  bytes.writeUInt32LE(2, 0)
  entries.forEach(([tag, permissions, id], index) => {
    bytes.writeUInt16LE(tag, 4 + 8 * index)
    bytes.writeUInt16LE(permissions, 6 + 8 * index)
    bytes.writeUInt32LE(id, 8 + 8 * index)
  })
  return bytes
}
const nobody = 0xffffffff
const openAcl = acl([1, 7, nobody], [2, 7, 1234], [4, 7, nobody], [16, 7, nobody], [32, 7, nobody])

describeMounts('unpack: what is made', (top) => {
  const root = (): string => join(top(), 'layer')

  it('every type, with its attributes', async () => {
    const result = await apply(root(), [
      directory('d/', { mode: 0o1751, uid: 7, gid: 8, mtime: 5 }),
      file('d/f', 'content', { mode: 0o4755, uid: 1000, gid: 70_000 }),
      file('d/empty', '', { mode: 0 }),
      hardlink('d/again', 'd/f'),
      symlink('link', '/nowhere', { uid: 3, gid: 4 }),
      hardlink('d/link', '/link'),
      header({ name: 'char', type: '3', mode: 0o620, major: 4, minor: 70_000, uid: 9 }),
      header({ name: 'block', type: '4', mode: 0o660, major: 300, minor: 2 }),
      header({ name: 'fifo', type: '6', mode: 0o6701, gid: 5 }),
    ])
    assert.deepEqual(look(root()), {
      d: 'directory 1751 7:8',
      'd/again': 'file 4755 "content" 1000:70000 x2',
      'd/empty': 'file 0 ""',
      'd/f': 'file 4755 "content" 1000:70000 x2',
      'd/link': '-> /nowhere 3:4 x2',
      link: '-> /nowhere 3:4 x2',
      char: 'char 4,70000 620 9:0',
      block: 'block 300,2 660',
      fifo: 'fifo 6701 0:5',
    })
    assert.deepEqual(result.warnings, [])
    assert.deepEqual([result.size, result.entries], [7, 9])
  })

  it('times to the nanosecond, before 1970 too, of directories last of all', async () => {
    await apply(root(), [
      pax({ mtime: '-1.000000001' }),
      directory('./'),
      pax({ mtime: '12.5' }),
      directory('d'),
      pax({ mtime: '1000000000.123456789' }),
      file('d/f', 'x'),
      pax({ mtime: '-7.25' }),
      symlink('d/l', 'f'),
      pax({ mtime: '8' }),
      header({ name: 'd/fifo', type: '6' }),
    ])
    assert.deepEqual(times(root(), '', 'd', 'd/f', 'd/l', 'd/fifo'), [
      -second - 1n,
      12n * second + second / 2n,
      second * second + 123_456_789n,
      -7n * second - second / 4n,
      8n * second,
    ])
    assert.equal(lstatSync(join(root(), 'd/f'), { bigint: true }).atimeNs, second * second + 123_456_789n)
  })

  it('extended attributes, capabilities after the owner and the body, and on what is not opened', async () => {
    const capability = '\x01\0\0\x02\xff\x00\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
    const { warnings } = await apply(root(), [
      pax({ 'SCHILY.xattr.security.capability': capability, 'SCHILY.xattr.trusted.empty': '' }),
      file('f', 'body', { uid: 5, gid: 6, mode: 0o755 }),
      pax({ 'SCHILY.xattr.trusted.d': '\0\xff=\n' }),
      directory('d'),
      pax({ 'SCHILY.xattr.trusted.l': 'l' }),
      symlink('l', 'f'),
      pax({ 'SCHILY.xattr.trusted.p': 'p' }),
      header({ name: 'p', type: '6' }),
      pax({ 'SCHILY.xattr.system.posix_acl_access': openAcl.toString('latin1') }),
      file('acl', '', { mode: 0o640 }),
    ])
    assert.deepEqual(warnings, [])
    assert.deepEqual(xattrsOf(join(root(), 'f')), { 'security.capability': capability, 'trusted.empty': '' })
    assert.deepEqual(xattrsOf(join(root(), 'd')), { 'trusted.d': '\0\xff=\n' })
    assert.deepEqual(xattrsOf(join(root(), 'l')), { 'trusted.l': 'l' })
    assert.deepEqual(xattrsOf(join(root(), 'p')), { 'trusted.p': 'p' })
    assert.equal(lstatSync(join(root(), 'acl')).mode & 0o7777, 0o640)
  })

  // Its tmpfs has to take attributes of users.
  itSince(
    '6.6',
    'what unions and SELinux write is left out, what is refused too, and both are said',
    async () => {
      const names = [
        'trusted.overlay.redirect',
        'trusted.overlay.opaque',
        'user.overlay.opaque',
        'trusted.aufs.x',
        'trusted.SGI_ACL_FILE',
      ]
      const records = [...names, 'security.selinux', 'user.fine', 'nosuch.namespace']
      const { warnings } = await apply(root(), [
        pax(Object.fromEntries(records.map((name) => [`SCHILY.xattr.${name}`, 'y']))),
        directory('d'),
        pax({ 'SCHILY.xattr.user.on_a_link': '1' }),
        symlink('l\xc3\xa9', 'x'),
      ])
      assert.deepEqual(xattrsOf(join(root(), 'd')), { 'user.fine': 'y' })
      assert.deepEqual(
        warnings.map(({ code, path, detail }) => [code, path, detail.split(':')[0]]),
        [
          ...names.map((name) => ['XATTR_DROPPED', 'd', name]),
          ['XATTR_DROPPED', 'd', 'security.selinux'],
          ['XATTR_REFUSED', 'd', 'nosuch.namespace'],
          ['XATTR_REFUSED', 'lé', 'user.on_a_link'],
        ],
      )
      assert.match(warnings[6]?.detail ?? '', /ENOTSUP|EOPNOTSUPP/)
      assert.match(warnings[7]?.detail ?? '', /EPERM/)
    },
  )

  it('access control lists as text, and labels as GNU tar writes them, are left out and said', async () => {
    const records = {
      'SCHILY.acl.access': 'user::rwx',
      'RHT.security.selinux': 'x',
      'SCHILY.acl.default': '',
    }
    const { warnings } = await apply(root(), [
      pax(records),
      file('f', 'body'),
      pax({ 'SCHILY.acl.default': 'user::rwx', 'SCHILY.acl.ace': 'owner@:r::allow' }),
      directory('d'),
      file('plain'),
    ])
    assert.deepEqual(
      warnings.map(({ code, path, detail }) => [code, path, detail.split(':')[0]]),
      [
        ['XATTR_DROPPED', 'f', 'SCHILY.acl.access'],
        ['XATTR_DROPPED', 'f', 'RHT.security.selinux'],
        ['XATTR_DROPPED', 'd', 'SCHILY.acl.default'],
        ['XATTR_DROPPED', 'd', 'SCHILY.acl.ace'],
      ],
    )
    assert.match(warnings[0]?.detail ?? '', /as the extended attribute system\.posix_acl_/)
    assert.deepEqual(xattrsOf(join(root(), 'f')), {})
  })

  it('a thousand warnings are listed, the others counted', async () => {
    const one = Buffer.concat([pax({ 'SCHILY.xattr.trusted.overlay.x': 'y' }), file('f')])
    const { warnings } = await apply(root(), Array<Buffer>(1005).fill(one))
    assert.equal(warnings.length, 1001)
    assert.deepEqual(warnings.at(-1), { code: 'MORE', path: '', detail: '5 more, not listed' })
  })

  it('names that are no UTF-8, of full length, and such as other systems mean something by', async () => {
    const long = 'n'.repeat(255)
    await apply(root(), [
      pax({ path: `${long}/${long}` }),
      file('x', 'deep'),
      file('\xff\xfe', 'bytes'),
      file('C:..\\x', ''),
      file('12345', ''),
      file(' ', ''),
      file('new\nline', ''),
      file('caf\xe9', ''),
    ])
    assert.equal(readFileSync(join(root(), long, long), 'utf8'), 'deep')
    const names = readdirSync(root(), 'latin1').sort()
    assert.deepEqual(names, [' ', '12345', 'C:..\\x', 'caf\xe9', 'new\nline', long, '\xff\xfe'].sort())
  })

  it('slashes and dots in names mean nothing; directories that no entry is about are made, 0755 0:0', async () => {
    await apply(root(), [
      file('////a/x', '1'),
      file('./b//./y', '2'),
      symlink('slashes///', 'x'),
      directory('d////'),
      file('missing/on/the/way', '3'),
    ])
    assert.deepEqual(look(root()), {
      a: 'directory 755',
      'a/x': 'file 644 "1"',
      b: 'directory 755',
      'b/y': 'file 644 "2"',
      slashes: '-> x',
      d: 'directory 755',
      missing: 'directory 755',
      'missing/on': 'directory 755',
      'missing/on/the': 'directory 755',
      'missing/on/the/way': 'file 644 "3"',
    })
  })

  it('the root takes the attributes of ./, and other entries of that name do nothing', async () => {
    mkdirSync(root())
    setxattrSync(root(), 'trusted.before', Buffer.from('x'))
    await apply(root(), [
      pax({ 'SCHILY.xattr.trusted.root': 'r', mtime: '77' }),
      directory('./', { mode: 0o2711, uid: 12, gid: 13 }),
      symlink('.', '/nowhere'),
      hardlink('./', '/nowhere'),
      header({ name: '/', type: '3', major: 1, minor: 3 }),
      file('f', ''),
    ])
    const stat = lstatSync(root(), { bigint: true })
    assert.deepEqual([stat.mode & 0o7777n, stat.uid, stat.gid], [0o2711n, 12n, 13n])
    assert.deepEqual(xattrsOf(root()), { 'trusted.root': 'r' })
    assert.deepEqual(times(root(), ''), [77n * second])
    // The set-group-id bit of the root gave its group to nobody.
    assert.deepEqual(look(root()), { f: 'file 644 ""' })
  })

  it('nothing is inherited: neither groups nor ACLs of directories, nor the umask', async () => {
    const umask = process.umask(0o077)
    try {
      await apply(root(), [
        pax({ 'SCHILY.xattr.system.posix_acl_default': openAcl.toString('latin1') }),
        directory('d', { mode: 0o2777, gid: 99 }),
        file('d/f', '', { mode: 0o666 }),
        directory('d/sub', { mode: 0o777 }),
        symlink('d/l', 'x'),
        header({ name: 'd/fifo', type: '6', mode: 0o666 }),
        file('d/missing/f', '', { mode: 0o666 }),
        file('top', '', { mode: 0o666 }),
      ])
    } finally {
      process.umask(umask)
    }
    const { d, ...rest } = look(root())
    assert.match(d ?? '', /^directory 2777 0:99 system.posix_acl_default=/)
    assert.deepEqual(rest, {
      'd/f': 'file 666 ""',
      'd/sub': 'directory 777',
      'd/l': '-> x',
      'd/fifo': 'fifo 666',
      'd/missing': 'directory 755',
      'd/missing/f': 'file 666 ""',
      top: 'file 666 ""',
    })
  })
})

describeMounts('unpack: what is there already', (top) => {
  const root = (): string => join(top(), 'layer')

  it('a directory over a directory keeps what is in it, and takes the new attributes', async () => {
    mkdirSync(join(root(), 'd/kept'), { recursive: true })
    setxattrSync(join(root(), 'd'), 'trusted.old', Buffer.from('1'))
    setxattrSync(join(root(), 'd'), 'trusted.both', Buffer.from('1'))
    chownSync(join(root(), 'd'), 5, 5)
    chmodSync(join(root(), 'd'), 0o700)
    await apply(root(), [
      pax({ 'SCHILY.xattr.trusted.both': '2' }),
      directory('d', { mode: 0o755, mtime: 3 }),
    ])
    assert.deepEqual(look(root()), { d: 'directory 755 trusted.both=2', 'd/kept': 'directory 755' })
    assert.deepEqual(times(root(), 'd'), [3n * second])
  })

  it('everything else replaces what was there, and the last entry of a name wins', async () => {
    const kinds: [string, (name: string) => Buffer][] = [
      ['file', (name) => file(name, 'new')],
      ['directory', (name) => directory(name)],
      ['symlink', (name) => symlink(name, 'target')],
      ['fifo', (name) => header({ name, type: '6' })],
      ['char', (name) => header({ name, type: '3', major: 1, minor: 3 })],
      ['link', (name) => hardlink(name, 'source')],
    ]
    const expected = await kindsAlone(top(), kinds)
    for (const [before, makeBefore] of kinds) {
      for (const [after, makeAfter] of kinds) {
        const target = join(top(), `${before} ${after}`)
        const below = before === 'directory' ? [file('x/deep/below', 'gone')] : []
        await apply(target, [file('source', 's'), makeBefore('x'), ...below, makeAfter('x')])
        if (before === 'directory' && after === 'directory')
          assert.ok(existsSync(join(target, 'x/deep/below')))
        else assert.deepEqual(look(target), expected.get(after), `${before} then ${after}`)
        assert.equal(readFileSync(join(target, 'source'), 'utf8'), 's')
      }
    }
  })

  it('a file that has further names is replaced, not written to', async () => {
    await apply(root(), [file('one', 'old'), hardlink('two', 'one'), file('one', 'new')])
    assert.deepEqual(look(root()), { one: 'file 644 "new"', two: 'file 644 "old"' })
  })

  it('a hard link to itself, or to what it is already, changes nothing', async () => {
    await apply(root(), [file('f', 'x'), hardlink('f', './f'), hardlink('g', 'f'), hardlink('g', 'f')])
    assert.deepEqual(look(root()), { f: 'file 644 "x" x2', g: 'file 644 "x" x2' })
  })

  it('the way leads through links of the layer, as if it were the root', async () => {
    await apply(root(), [
      directory('usr/'),
      directory('usr/bin'),
      symlink('bin', 'usr/bin'),
      symlink('abs', '/usr'),
      symlink('usr/up', '../../../usr/bin'),
      file('bin/a', '1'),
      file('abs/b', '2'),
      file('usr/up/c', '3'),
      hardlink('bin/d', 'abs/up/a'),
    ])
    assert.deepEqual(readdirSync(join(root(), 'usr/bin')).sort(), ['a', 'c', 'd'])
    assert.equal(readFileSync(join(root(), 'usr/b'), 'utf8'), '2')
    assert.equal(lstatSync(join(root(), 'usr/bin/a')).nlink, 2)
  })

  it('a link in the place of a directory: what was known of the way is forgotten', async () => {
    await apply(root(), [
      directory('real'),
      directory('d'),
      directory('d/sub'),
      file('d/sub/first', ''),
      symlink('d', 'real'),
      file('d/sub/second', ''),
    ])
    assert.deepEqual(Object.keys(look(root())).sort(), ['d', 'real', 'real/sub', 'real/sub/second'])
  })

  it('what is no directory on the way is an error of the archive', async () => {
    assert.equal(await refusal(root(), [file('f', ''), file('f/below', '')]), 'ERR_ARCHIVE_PATH')
    assert.equal(await refusal(root(), [symlink('loop', 'loop'), file('loop/x', '')]), 'ERR_ARCHIVE_PATH')
    const chain = Array.from({ length: 45 }, (_, i) => symlink(`l${i}`, `l${i + 1}`))
    assert.equal(await refusal(root(), [...chain, file('l0/x', '')]), 'ERR_ARCHIVE_PATH')
  })

  it('another filesystem below is left alone', async () => {
    mkdirSync(join(root(), 'mounted'), { recursive: true })
    mountSync('graphdriver-test', join(root(), 'mounted'), 'tmpfs', 0, null)
    await assert.rejects(apply(root(), [file('mounted/f', '')]), {
      code: 'EXDEV',
      path: join(root(), 'mounted/f'),
    })
    await assert.rejects(apply(root(), [file('mounted', '')]), { code: 'EXDEV' })
    assert.deepEqual(readdirSync(join(root(), 'mounted')), [])
    umount2Sync(join(root(), 'mounted'), 0)
  })
})

async function kindsAlone(
  top: string,
  kinds: [string, (name: string) => Buffer][],
): Promise<Map<string, Record<string, string>>> {
  const expected = new Map<string, Record<string, string>>()
  for (const [name, make] of kinds) {
    await apply(join(top, name), [file('source', 's'), make('x')])
    expected.set(name, look(join(top, name)))
  }
  return expected
}

describeMounts('unpack: rights', (top) => {
  it('a link that is in the way is not followed', async () => {
    const outside = join(top(), 'outside')
    writeFileSync(outside, 'secret')
    const root = join(top(), 'layer')
    mkdirSync(root)
    symlinkSync(outside, join(root, 'f'))
    await apply(root, [file('f', 'new', { mode: 0o777, uid: 5 })])
    assert.equal(readFileSync(outside, 'utf8'), 'secret')
    assert.deepEqual(look(root), { f: 'file 777 "new" 5:0' })
  })
})

import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  constants,
  linkSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { entries, pack } from 'graphdriver/archive'
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  mknodatSync,
  mountSync,
  setxattrSync,
  umount2Sync,
  utimensatSync,
} from 'graphdriver/sys'
import { describeMounts } from '../namespace.ts'

type Options = NonNullable<Parameters<typeof pack>[1]>

/** The entries of a tar, by name. */
async function list(directory: string, options: Options = {}): Promise<Map<string, Listed>> {
  const found = new Map<string, Listed>()
  for await (const entry of entries(await pack(directory, options))) {
    const { name, type, size, mode, uid, gid, mtime, linkname, major, minor, xattrs } = entry
    const body: Buffer[] = []
    for await (const part of entry.body) body.push(Buffer.from(part))
    const content = Buffer.concat(body).toString('latin1')
    const link = linkname?.toString('latin1')
    found.set(name.toString('latin1'), {
      type,
      size,
      mode,
      uid,
      gid,
      mtime,
      link,
      major,
      minor,
      xattrs,
      content,
    })
  }
  return found
}

interface Listed {
  type: string
  size: number
  mode: number
  uid: number
  gid: number
  mtime: bigint
  link: string | undefined
  major: number
  minor: number
  xattrs: ReadonlyMap<string, Buffer>
  content: string
}

async function names(directory: string, options: Options = {}): Promise<string[]> {
  return [...(await list(directory, options)).keys()]
}

const S_IFCHR = constants.S_IFCHR
const S_IFBLK = constants.S_IFBLK
const S_IFIFO = constants.S_IFIFO

describeMounts('pack', (directory) => {
  let tree = ''
  const at = (...parts: string[]): string => join(tree, ...parts)
  beforeEach(() => {
    tree = join(directory(), 'tree')
    mkdirSync(tree, { mode: 0o755 })
  })

  it('lists a directory before what is in it, by the bytes of the names', async () => {
    for (const name of ['b', 'a', 'a.b', 'é', 'Z', '-']) mkdirSync(at(name))
    for (const name of ['a/z', 'a/A', 'b/1']) writeFileSync(at(name), name)
    assert.deepEqual(
      (await names(tree)).map((name) => Buffer.from(name, 'latin1').toString()),
      ['-/', 'Z/', 'a/', 'a/A', 'a/z', 'a.b/', 'b/', 'b/1', 'é/'],
    )
  })

  it('keeps types, modes, owners, times and devices', async () => {
    writeFileSync(at('file'), 'content')
    chmodSync(at('file'), 0o6751)
    chownSync(at('file'), 4294967294, 3000000000)
    chmodSync(at('file'), 0o6751)
    utimensatSync(AT_FDCWD, at('file'), null, 1234567890123456789n, 0)
    writeFileSync(at('none'), '')
    chmodSync(at('none'), 0)
    utimensatSync(AT_FDCWD, at('none'), null, -1500000000n, 0)
    symlinkSync('/else where', at('link'))
    utimensatSync(AT_FDCWD, at('link'), null, 9000000000000000001n, AT_SYMLINK_NOFOLLOW)
    mkdirSync(at('sticky'))
    chmodSync(at('sticky'), 0o1777)
    mknodatSync(AT_FDCWD, at('char'), S_IFCHR | 0o640, 5, 1048575)
    mknodatSync(AT_FDCWD, at('block'), S_IFBLK | 0o600, 4095, 3)
    mknodatSync(AT_FDCWD, at('fifo'), S_IFIFO | 0o622, 0, 0)
    const found = await list(tree)
    const file = found.get('file')!
    assert.deepEqual(
      [file.type, file.mode, file.uid, file.gid, file.mtime, file.content],
      ['file', 0o6751, 4294967294, 3000000000, 1234567890123456789n, 'content'],
    )
    assert.deepEqual([found.get('none')!.mode, found.get('none')!.mtime], [0, -1500000000n])
    assert.deepEqual(
      [found.get('link')!.type, found.get('link')!.link, found.get('link')!.mtime],
      ['symlink', '/else where', 9000000000000000001n],
    )
    assert.deepEqual([found.get('sticky/')!.type, found.get('sticky/')!.mode], ['directory', 0o1777])
    const char = found.get('char')!
    assert.deepEqual([char.type, char.major, char.minor], ['char', 5, 1048575])
    const block = found.get('block')!
    assert.deepEqual([block.type, block.major, block.minor], ['block', 4095, 3])
    assert.equal(found.get('fifo')!.type, 'fifo')
  })

  it('cuts times to whole seconds on request', async () => {
    writeFileSync(at('file'), '')
    utimensatSync(AT_FDCWD, at('file'), null, 1234567890999999999n, 0)
    writeFileSync(at('old'), '')
    utimensatSync(AT_FDCWD, at('old'), null, -1n, 0)
    const found = await list(tree, { times: 'seconds' })
    assert.equal(found.get('file')!.mtime, 1234567890000000000n)
    assert.equal(found.get('old')!.mtime, -1000000000n)
  })

  it('keeps names of any bytes and any length', async () => {
    const long = 'n'.repeat(255)
    const bytes = Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0x66, 0xff, 0xfe, 0x0a])])
    writeFileSync(bytes, 'bytes')
    writeFileSync(at(long), 'long')
    let deep = ''
    while (deep.length < 3800) {
      deep += `${'d'.repeat(200)}/`
      mkdirSync(at(deep))
    }
    symlinkSync('t'.repeat(4095), at(deep, 'link'))
    const found = await list(tree)
    assert.equal(found.get('f\xff\xfe\n')!.content, 'bytes')
    assert.equal(found.get(long)!.content, 'long')
    assert.equal(found.get(`${deep}link`)!.link, 't'.repeat(4095))
  })

  it('writes a file with several names once, and links to its first name', async () => {
    mkdirSync(at('d'))
    writeFileSync(at('d/second'), 'content')
    linkSync(at('d/second'), at('a-first'))
    linkSync(at('d/second'), at('z-third'))
    symlinkSync('x', at('s1'))
    linkSync(at('s1'), at('s2'))
    const found = await list(tree)
    assert.equal(found.get('a-first')!.content, 'content')
    for (const name of ['d/second', 'z-third']) {
      assert.deepEqual(
        [found.get(name)!.type, found.get(name)!.link, found.get(name)!.size],
        ['link', 'a-first', 0],
      )
    }
    assert.deepEqual(
      [found.get('s1')!.type, found.get('s2')!.type, found.get('s2')!.link],
      ['symlink', 'link', 's1'],
    )
  })

  it('keeps extended attributes as bytes, but not what unions write for themselves', async () => {
    writeFileSync(at('file'), '')
    mkdirSync(at('d'))
    symlinkSync('x', at('l'))
    // A capability set with a byte over 0x7f: cap_setuid.
    const capability = Buffer.from('0100000280000000000000000000000000000000', 'hex')
    setxattrSync(at('file'), 'security.capability', capability)
    const binary = Buffer.from([0, 0xff, 0x0a, 0x3d, 0x80])
    setxattrSync(at('file'), 'trusted.binary', binary)
    setxattrSync(at('file'), 'trusted.empty', Buffer.alloc(0))
    setxattrSync(at('file'), 'trusted.sign=%3D', binary)
    // xfs lists an ACL a second time, as trusted.SGI_ACL_*: here it is a plain attribute of that name.
    for (const name of [
      'trusted.overlay.opaque',
      'trusted.overlay.origin',
      'trusted.aufs.wbr',
      'trusted.SGI_ACL_FILE',
      'trusted.SGI_ACL_DEFAULT',
    ]) {
      setxattrSync(at('d'), name, Buffer.from('y'))
    }
    const acl = Buffer.from(
      '0200000001000700ffffffff02000500e803000004000500ffffffff10000700ffffffff20000500ffffffff',
      'hex',
    )
    setxattrSync(at('d'), 'system.posix_acl_default', acl)
    setxattrSync(at('l'), 'trusted.of-the-link', binary, { nofollow: true })
    const found = await list(tree)
    const file = found.get('file')!.xattrs
    assert.deepEqual(
      [...file.keys()],
      ['security.capability', 'trusted.binary', 'trusted.empty', 'trusted.sign=%3D'],
    )
    assert.deepEqual(file.get('security.capability'), capability)
    assert.deepEqual(file.get('trusted.binary'), binary)
    assert.deepEqual([...found.get('d/')!.xattrs], [['system.posix_acl_default', acl]])
    assert.deepEqual([...found.get('l')!.xattrs], [['trusted.of-the-link', binary]])
  })

  it('leaves sockets out, and names that would delete something, and says so', async () => {
    const server = createServer().listen(at('socket'))
    await new Promise((resolve) => server.once('listening', resolve))
    writeFileSync(at('.wh.somebody'), '')
    mknodatSync(AT_FDCWD, at('zero'), S_IFCHR, 0, 0)
    const stream = await pack(tree)
    const found: string[] = []
    for await (const { name } of entries(stream)) found.push(name.toString())
    await new Promise((resolve) => server.close(resolve))
    assert.deepEqual(found, [])
    assert.deepEqual(
      stream.warnings.map(({ code, path }) => [code, path]),
      [
        ['RESERVED_NAME', '.wh.somebody'],
        ['SOCKET', 'socket'],
        ['RESERVED_NAME', 'zero'],
      ],
    )
  })

  it('writes an entry for the root only when it differs from its parent, or from a new base layer', async () => {
    writeFileSync(at('file'), '')
    const parent = join(directory(), 'parent')
    mkdirSync(parent)
    const rooted = async (options: Options = {}): Promise<boolean> => (await names(tree, options))[0] === './'
    assert.deepEqual([await rooted(), await rooted({ parent })], [false, false])
    chmodSync(tree, 0o1755)
    assert.deepEqual([await rooted(), await rooted({ parent })], [true, true])
    chmodSync(parent, 0o1755)
    assert.equal(await rooted({ parent }), false)
    setxattrSync(tree, 'trusted.mine', Buffer.from('1'))
    assert.equal(await rooted({ parent }), true)
    setxattrSync(parent, 'trusted.mine', Buffer.from('1'))
    setxattrSync(parent, 'trusted.overlay.impure', Buffer.from('y'))
    assert.equal(await rooted({ parent }), false)
    chownSync(parent, 1, 0)
    assert.equal(await rooted({ parent }), true)
  })

  it('turns overlay whiteouts and opaque directories into markers', async () => {
    const whiteout = (name: string): void => mknodatSync(AT_FDCWD, at(name), S_IFCHR, 0, 0)
    for (const name of ['a', 'opaque', 'x']) mkdirSync(at(name))
    for (const name of ['zz', 'a/gone', 'opaque/never']) whiteout(name)
    writeFileSync(at('a/file'), '')
    writeFileSync(at('a/.wh.odd'), '')
    setxattrSync(at('opaque'), 'trusted.overlay.opaque', Buffer.from('y'))
    // Whiteouts that are files (Linux 6.7).
    setxattrSync(at('x'), 'trusted.overlay.opaque', Buffer.from('x'))
    writeFileSync(at('x/as-file'), '')
    setxattrSync(at('x/as-file'), 'trusted.overlay.whiteout', Buffer.alloc(0))
    writeFileSync(at('x/file'), '')
    const found = await list(tree, { form: 'overlay' })
    assert.deepEqual(
      [...found.keys()],
      [
        '.wh.zz',
        'a/',
        'a/.wh.gone',
        'a/file',
        'opaque/',
        'opaque/.wh..wh..opq',
        'opaque/.wh.never',
        'x/',
        'x/.wh.as-file',
        'x/file',
      ],
    )
    for (const [name, { mode, uid, gid, mtime, size, type }] of found) {
      if (name.includes('.wh.'))
        assert.deepEqual([type, mode, uid, gid, mtime, size], ['file', 0, 0, 0, 0n, 0])
    }
  })

  it('turns aufs whiteouts and opaque directories into the same markers, and leaves its own files out', async () => {
    for (const name of ['a', 'opaque', '.wh..wh.plnk', '.wh..wh.orph']) mkdirSync(at(name))
    writeFileSync(at('.wh..wh.aufs'), '', { mode: 0o444 })
    for (const name of ['.wh.zz', 'a/.wh.gone', 'opaque/.wh..wh..opq', 'opaque/.wh.never'])
      linkSync(at('.wh..wh.aufs'), at(name))
    for (const name of ['a/file', '.wh..wh.plnk/12.34', 'opaque/.wh..wh.temp']) writeFileSync(at(name), '')
    assert.deepEqual(await names(tree, { form: 'aufs' }), [
      '.wh.zz',
      'a/',
      'a/.wh.gone',
      'a/file',
      'opaque/',
      'opaque/.wh..wh..opq',
      'opaque/.wh.never',
    ])
  })

  it('refuses a layer that is not whole without those below it', async () => {
    writeFileSync(at('file'), '')
    setxattrSync(at('file'), 'trusted.overlay.metacopy', Buffer.alloc(0))
    await assert.rejects(names(tree, { form: 'overlay' }), { code: 'EREMOTE', path: at('file') })
    rmSync(at('file'))
    mkdirSync(at('d'))
    setxattrSync(at('d'), 'trusted.overlay.redirect', Buffer.from('/e'))
    await assert.rejects(names(tree, { form: 'overlay' }), { code: 'EREMOTE' })
    assert.deepEqual(await names(tree), ['d/'])
  })

  it('does not enter what is mounted below', async () => {
    for (const name of ['d', 'd/mnt', 'd/mnt/covered']) mkdirSync(at(name))
    writeFileSync(at('file'), 'covered')
    writeFileSync(join(directory(), 'over'), 'over')
    mountSync('none', at('d/mnt'), 'tmpfs')
    mountSync(join(directory(), 'over'), at('file'), null, 4096)
    writeFileSync(at('d/mnt/secret'), '')
    try {
      const stream = await pack(tree)
      const found: string[] = []
      for await (const { name } of entries(stream)) found.push(name.toString())
      assert.deepEqual(found, ['d/', 'd/mnt/'])
      assert.deepEqual(
        stream.warnings.map(({ code, path }) => [code, path]),
        [
          ['MOUNT_POINT', 'd/mnt'],
          ['MOUNT_POINT', 'file'],
        ],
      )
    } finally {
      umount2Sync(at('file'), 0)
      umount2Sync(at('d/mnt'), 0)
    }
  })
})

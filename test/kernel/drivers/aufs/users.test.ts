import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AufsOptions, GraphDriver } from 'graphdriver'
import {
  aufsUnions,
  getxattrSync,
  listxattrSync,
  mountSync,
  setxattrSync,
  umount2Sync,
} from 'graphdriver/sys'
import { chain, describeAufs, openAufs } from './machine.ts'

const ACL = 'system.posix_acl_access'
/** u::rw-, u:1:r--, g::r--, m::r--, o::---: version, then tag, permissions and id of each (acl(5), linux/posix_acl_xattr.h). */
const USER_1_READS = Buffer.from(
  '02000000' +
    '01000600ffffffff' +
    '0200040001000000' +
    '04000400ffffffff' +
    '10000400ffffffff' +
    '20000000ffffffff',
  'hex',
)

describeAufs('what aufs does to its users', (directory) => {
  const root = (): string => join(directory(), 'root')
  const diff = (...names: string[]): string => join(root(), 'diff', ...names)

  async function two(aufs: AufsOptions = {}): Promise<GraphDriver> {
    const graph = await openAufs(root(), { aufs })
    await chain(graph, ['a', 'b'])
    return graph
  }

  it('a directory of a lower layer cannot be renamed (EXDEV), a new one can', async () => {
    const graph = await two()
    mkdirSync(diff('a', 'below'))
    writeFileSync(diff('a', 'below/file'), '')
    const view = await graph.get('b')
    assert.throws(() => renameSync(join(view, 'below'), join(view, 'moved')), { code: 'EXDEV' })
    assert.deepEqual(readdirSync(join(view, 'below')), ['file'])
    mkdirSync(join(view, 'new'))
    writeFileSync(join(view, 'new/file'), '')
    renameSync(join(view, 'new'), join(view, 'moved'))
    assert.deepEqual(readdirSync(join(view, 'moved')), ['file'])
    await graph.close()
  })

  for (const dirperm1 of [true, false]) {
    const title = dirperm1
      ? 'count by the topmost layer alone with dirperm1'
      : 'count in every layer without it'
    it(`permission bits of directories ${title}`, async () => {
      for (const path of [directory(), tmpdir()]) chmodSync(path, 0o755)
      const graph = await two({ dirperm1 })
      chmodSync(root(), 0o711)
      for (const name of ['mnt', 'diff']) chmodSync(join(root(), name), 0o755)
      mkdirSync(diff('a', 'closed'), { mode: 0o700 })
      writeFileSync(diff('a', 'closed/file'), 'seen')
      const view = await graph.get('b')
      chmodSync(join(view, 'closed'), 0o755)
      const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', 'cat', join(view, 'closed/file')]
      const { status, stdout, stderr } = spawnSync('setpriv', nobody, { encoding: 'utf8' })
      if (dirperm1) assert.deepEqual([status, stdout], [0, 'seen'], stderr)
      else assert.match(stderr, /Permission denied/)
      await graph.close()
    })
  }

  it('O_DIRECT with dio is what it is in the branch, on tmpfs and on the disk', async () => {
    const disk = mkdtempSync(join(tmpdir(), 'direct-'))
    for (const place of [disk, directory()]) {
      const graph = await openAufs(join(place, 'store'), { aufs: { dio: true } })
      await chain(graph, ['a', 'b'])
      writeFileSync(join(place, 'store/diff/a/old'), Buffer.alloc(8192, 'x'))
      const view = await graph.get('b')
      writeFileSync(join(view, 'new'), Buffer.alloc(8192, 'y'))
      const direct = (path: string): string => {
        try {
          const fd = openSync(path, constants.O_RDWR | constants.O_DIRECT)
          closeSync(fd)
          return 'opened'
        } catch (error) {
          return String((error as NodeJS.ErrnoException).code)
        }
      }
      const plain = direct(join(place, 'store/diff/a/old'))
      assert.equal(plain, place === disk ? 'opened' : plain)
      for (const name of ['old', 'new']) assert.equal(direct(join(view, name)), plain, `${place} ${name}`)
      if (plain === 'opened') {
        const copy = [
          'if=' + join(view, 'old'),
          'of=' + join(view, 'copy'),
          'bs=4096',
          'iflag=direct',
          'oflag=direct',
        ]
        const { status, stderr } = spawnSync('busybox', ['dd', ...copy], { encoding: 'utf8' })
        assert.equal(status, 0, stderr)
        assert.deepEqual(readFileSync(join(view, 'copy')), Buffer.alloc(8192, 'x'))
      }
      await graph.close()
    }
    rmSync(disk, { recursive: true })
  })

  it('a descriptor from before a file was copied up shows what is written after', async () => {
    const graph = await two()
    writeFileSync(diff('a', 'file'), 'old')
    const view = await graph.get('b')
    const fd = openSync(join(view, 'file'), 'r')
    const { ino } = fstatSync(fd)
    writeFileSync(join(view, 'file'), 'new')
    const bytes = Buffer.alloc(3)
    readSync(fd, bytes, 0, 3, 0)
    closeSync(fd)
    assert.equal(bytes.toString(), 'new')
    assert.equal(statSync(join(view, 'file')).ino, ino)
    assert.notEqual(statSync(diff('b', 'file')).ino, undefined)
    assert.notEqual(statSync(diff('b', 'file')).dev, statSync(join(view, 'file')).dev)
    await graph.close()
  })

  it('a program that runs cannot be written (ETXTBSY), and is copied up by chmod', async () => {
    const graph = await two()
    copyFileSync('/bin/sleep', diff('a', 'sleep'))
    const path = join(await graph.get('b'), 'sleep')
    const child = spawn(path, ['600'])
    const gone = once(child, 'exit')
    await once(child, 'spawn')
    const write = (): void => closeSync(openSync(path, 'r+'))
    try {
      assert.throws(write, { code: 'ETXTBSY' })
      chmodSync(path, 0o700)
      assert.ok(existsSync(diff('b', 'sleep')))
      assert.throws(write, { code: 'ETXTBSY' })
    } finally {
      child.kill()
      await gone
    }
    write()
    await graph.close()
  })

  it('names have 242 bytes at the most, and those of whiteouts are refused', async () => {
    const graph = await two()
    const view = await graph.get('b')
    writeFileSync(join(view, 'n'.repeat(242)), '')
    assert.throws(() => writeFileSync(join(view, 'n'.repeat(243)), ''), { code: 'ENAMETOOLONG' })
    assert.throws(() => writeFileSync(join(view, '.wh.name'), ''), { code: 'EPERM' })
    await graph.close()
  })

  for (const acl of [false, true]) {
    const what = acl
      ? 'are told with acl, and copied up'
      : 'are listed and not told (ENOTSUP) without acl, and copied up all the same'
    it(`access control lists ${what}`, async () => {
      const graph = await two({ acl })
      writeFileSync(diff('a', 'file'), 'x')
      setxattrSync(diff('a', 'file'), ACL, USER_1_READS)
      const file = join(await graph.get('b'), 'file')
      assert.ok(listxattrSync(file).includes(ACL))
      if (acl) assert.deepEqual(getxattrSync(file, ACL), USER_1_READS)
      else assert.throws(() => getxattrSync(file, ACL), { code: 'ENOTSUP' })
      writeFileSync(file, 'y')
      assert.deepEqual(getxattrSync(diff('b', 'file'), ACL), USER_1_READS)
      await graph.close()
    })
  }

  it('times that are set are whole seconds', async () => {
    const graph = await two()
    const view = await graph.get('b')
    writeFileSync(join(view, 'file'), '')
    utimesSync(join(view, 'file'), 1.5, 2.75)
    const { atimeMs, mtimeMs } = statSync(join(view, 'file'))
    assert.deepEqual([atimeMs, mtimeMs], [1000, 2000])
    await graph.close()
  })

  it('a whiteout that is no file makes the name fail (EIO)', async () => {
    const graph = await two()
    writeFileSync(diff('a', 'name'), '')
    mkdirSync(diff('b', '.wh.name'))
    const view = await graph.get('b')
    assert.throws(() => statSync(join(view, 'name')), { code: 'EIO' })
    await graph.close()
  })

  it("read-only mounts show whiteouts and aufs's own files with shwh, and one that can be written does not", async () => {
    const graph = await two({ shwh: true })
    writeFileSync(diff('a', 'name'), '')
    rmSync(join(await graph.get('b'), 'name'))
    await graph.put('b')
    assert.deepEqual(readdirSync(await graph.get('b')), [])
    await graph.put('b')
    await graph.create('c', { parent: 'b' })
    const own = ['.wh..wh.aufs', '.wh..wh.orph', '.wh..wh.plnk']
    assert.deepEqual(readdirSync(await graph.get('b')).sort(), [...own, '.wh.name'])
    assert.deepEqual(readdirSync(await graph.get('c')), [])
    await graph.close()
  })

  for (const aufs of [
    { udba: 'none', plink: false, dio: false, dirwh: 1, rdcache: 0 },
    { udba: 'notify', truncXib: true, diropq: 'always', sum: true, warnPerm: false },
    { create: 'tdmfs:100:5', cpup: 'bu', verbose: true, sum: 'weighted', rdblk: 0, rdhash: 64 },
    { udba: 'reval', plink: true, dirperm1: false, acl: true, rdcache: 10, create: 'tdp', shwh: false },
    { xino: 'none' },
  ] as const satisfies AufsOptions[]) {
    it(`takes ${JSON.stringify(aufs)}, and knows the mount again`, async () => {
      const graph = await two(aufs)
      const view = await graph.get('b')
      const same = await openAufs(root(), { aufs })
      assert.equal(await same.get('b'), view)
      await same.close()
      assert.deepEqual(readdirSync(view), [])
      await graph.close()
      assert.deepEqual(await aufsUnions(), [])
    })
  }
})

describeAufs('the table of inode numbers of aufs', (directory) => {
  const root = (): string => join(directory(), 'root')
  const place = (): string => join(directory(), 'tables')

  /** Its own small filesystem. */
  async function open(type: string, data: string): Promise<GraphDriver> {
    mkdirSync(place())
    mountSync('none', place(), type, 0, data)
    return openAufs(root(), { aufs: { xino: place() } })
  }

  it('is refused on a filesystem that is not fit for it, when the store is opened', async () => {
    await assert.rejects(open('ramfs', ''), {
      code: 'ERR_DRIVER_PREREQUISITE',
      message: /aufs\.xino cannot be used: .*tables is on ramfs, which aufs does not take/,
    })
    umount2Sync(place())
  })

  it('is refused where there is no room, when the store is opened', async () => {
    await assert.rejects(open('tmpfs', 'size=64k'), {
      code: 'ERR_DRIVER_PREREQUISITE',
      message: /tables has no room left/,
    })
    umount2Sync(place())
  })

  it('that cannot be had any more says why, and the mount leaves nothing', async () => {
    const graph = await open('tmpfs', 'size=8m')
    await chain(graph, ['a', 'b'])
    umount2Sync(place())
    rmdirSync(place())
    await assert.rejects(graph.get('b'), {
      code: 'ENOENT',
      detail: /directory of the xino file, .*tables, is not there/,
    })
    mkdirSync(place())
    mountSync('none', place(), 'ramfs')
    await assert.rejects(graph.get('b'), {
      code: 'EINVAL',
      detail: /xino file cannot be in .*tables: .* this is ramfs/,
    })
    umount2Sync(place())
    assert.deepEqual(await aufsUnions(), [])
    assert.equal((await graph.list())[1]!.mounted, false)
    await graph.get('b')
    await graph.close()
  })

  it('that becomes full while it is in use fails what needs a new number, and nothing is lost', async () => {
    const graph = await open('tmpfs', 'size=5m')
    await chain(graph, ['a', 'b'])
    mkdirSync(join(root(), 'diff/a/many'))
    for (let at = 0; at < 2000; at++) writeFileSync(join(root(), 'diff/a/many', `file${String(at)}`), 'kept')
    const view = await graph.get('b')
    assert.equal((await graph.info()).aufs!.xino!.directory, place())
    const fill = (): void => writeFileSync(join(place(), 'full'), Buffer.alloc(6 << 20))
    assert.throws(fill, { code: 'ENOSPC' })
    assert.equal((await graph.info()).aufs!.xino!.freeBytes, 0)
    const look = (): void => {
      for (const name of readdirSync(join(view, 'many'))) statSync(join(view, 'many', name))
    }
    // By which of its tables runs out first: au_xino_do_write() makes EIO of it.
    assert.throws(look, { code: /^(ENOSPC|EIO)$/ })
    rmSync(join(place(), 'full'))
    look()
    assert.equal(readFileSync(join(view, 'many/file1999'), 'utf8'), 'kept')
    await graph.close()
    umount2Sync(place())
    assert.ok(existsSync(join(root(), 'diff/a/many/file1999')))
  })
})

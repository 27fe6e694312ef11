import assert from 'node:assert/strict'
import { chmod, chown, link, lchown, lstat, lutimes, mkdir, open, readFile, readdir } from 'node:fs/promises'
import { rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { AT_FDCWD, getxattr, listxattr, mknodatSync, setxattr, utimensatSync } from 'graphdriver/sys'
import { names, snapshot, stack, text, useStore, within } from '../../contract/support.ts'
import { describeMounts } from '../namespace.ts'

const S_IFCHR = 0o020000
const S_IFBLK = 0o060000
const S_IFIFO = 0o010000
const second = 1_000_000_000n

/** One entry of every kind, with attributes that are easily lost. */
async function makeEverything(path: string): Promise<void> {
  const at = (name: string): string => join(path, name)
  await writeFile(at('plain'), 'contents')
  await writeFile(at('setuid'), '', { mode: 0o755 })
  await chown(at('setuid'), 1234, 5678)
  await chmod(at('setuid'), 0o6755)
  await writeFile(at('secret'), 'x', { mode: 0 })
  await symlink('plain', at('link'))
  await lchown(at('link'), 42, 43)
  await symlink('/nowhere', at('dangling'))
  await link(at('plain'), at('second-name'))
  await mkdir(at('sticky'))
  await chmod(at('sticky'), 0o1777)
  await link(at('plain'), at('sticky/third-name'))
  mknodatSync(AT_FDCWD, at('null'), S_IFCHR | 0o666, 1, 3)
  mknodatSync(AT_FDCWD, at('disk'), S_IFBLK | 0o660, 259, 70_000)
  mknodatSync(AT_FDCWD, at('fifo'), S_IFIFO | 0o600)
  await setxattr(at('plain'), 'user.empty', Buffer.alloc(0))
  await setxattr(at('plain'), 'user.binary', Buffer.from([0, 255, 1]))
  await setxattr(at('sticky'), 'trusted.mark', Buffer.from('t'))
  await writeFile(Buffer.concat([Buffer.from(`${path}/strange-`), Buffer.from([0xff, 0xfe])]), 'bytes')
  const holes = await open(at('holes'), 'w')
  await holes.write('end', 50_000_000)
  await holes.close()
  for (const [index, name] of ['plain', 'link', 'null', 'fifo', 'sticky', '.'].entries()) {
    const time = BigInt(index) * second + 123_456_789n
    utimensatSync(AT_FDCWD, at(name), time, time + second, 0x100)
  }
}

describeMounts('vfs copies', () => {
  const store = useStore('vfs')
  const diff = (id: string): string => store.at('diff', id)

  /** Attributes of every entry, but for its number and the time of its last change, which cannot be copied. */
  async function attributes(path: string): Promise<string[]> {
    const found: string[] = []
    for (const name of ['.', ...(await readdir(path, { recursive: true }))].sort()) {
      // A name that is no UTF-8 is looked at below.
      if (name.startsWith('strange')) continue
      const { mode, uid, gid, size, rdev, mtimeNs, nlink } = await lstat(join(path, name), { bigint: true })
      const xattrs = await listxattr(join(path, name), { nofollow: true })
      const values = await Promise.all(
        xattrs
          .filter((key) => key !== 'security.selinux')
          .sort()
          .map(async (key) => {
            return `${key}=${(await getxattr(join(path, name), key, { nofollow: true })).toString('hex')}`
          }),
      )
      const bytes = name === '.' || name === 'sticky' ? 0n : size
      found.push([name, mode.toString(8), uid, gid, bytes, rdev, mtimeNs, nlink, ...values].join(' '))
    }
    return found
  }

  it('everything there is, exactly', async () => {
    await store.graph.create('base')
    await makeEverything(diff('base'))
    const wanted = await attributes(diff('base'))
    await store.graph.create('top', { parent: 'base' })
    await within(store.graph, 'top', async (path) => {
      assert.deepEqual(await attributes(path), wanted)
      assert.equal(await text(join(path, 'sticky/third-name')), 'contents')
    })
    const inodes = ['plain', 'second-name', 'sticky/third-name'].map((name) => lstat(join(diff('top'), name)))
    assert.equal(new Set((await Promise.all(inodes)).map(({ ino }) => ino)).size, 1)
    const strange = (await readdir(diff('top'), { encoding: 'buffer' })).find((name) => name.includes(0xff))!
    assert.equal(await readFile(Buffer.concat([Buffer.from(`${diff('top')}/`), strange]), 'utf8'), 'bytes')
  })

  it('holes as holes', async () => {
    await store.graph.create('base')
    await makeEverything(diff('base'))
    await store.graph.create('top', { parent: 'base' })
    await within(store.graph, 'top', async (path) => {
      const { size, blocks } = await stat(join(path, 'holes'))
      assert.equal(size, 50_000_003)
      assert.ok(blocks * 512 < 1_000_000, `${String(blocks)} blocks`)
    })
  })

  it('no sockets', async () => {
    await store.graph.create('base')
    const server = createServer()
    const path = join(diff('base'), 's')
    await new Promise<void>((resolve) => server.listen(path, resolve))
    await writeFile(join(diff('base'), 'file'), '')
    await store.graph.create('top', { parent: 'base' })
    await within(store.graph, 'top', async (view) => assert.deepEqual(await names(view), ['file']))
    await new Promise((resolve) => server.close(resolve))
  })

  it('at the first get, and never again', async () => {
    await stack(store.graph, ['base'], (path) => writeFile(join(path, 'file'), 'old'))
    await store.graph.create('top', { parent: 'base' })
    assert.deepEqual(await names(diff('top')), [])
    await within(store.graph, 'top', (path) => rm(join(path, 'file')))
    await within(store.graph, 'top', async (path) => assert.deepEqual(await names(path), []))
    assert.equal(await text(join(diff('base'), 'file')), 'old')
    assert.deepEqual(await names(store.at('staging')), [])
    assert.deepEqual(await names(store.at('pending')), [])
  })

  it('what the nearest used ancestor has, where the parent was never used', async () => {
    await stack(store.graph, ['base', 'used'], (path, id) => writeFile(join(path, id), ''))
    await store.graph.create('unused', { parent: 'used' })
    await store.graph.create('also-unused', { parent: 'unused' })
    await store.graph.create('top', { parent: 'also-unused' })
    await within(store.graph, 'top', async (path) => assert.deepEqual(await names(path), ['base', 'used']))
    assert.deepEqual(await names(diff('unused')), [])
    await within(store.graph, 'unused', async (path) => assert.deepEqual(await names(path), ['base', 'used']))
  })

  it('for a view, too', async () => {
    await stack(store.graph, ['base'], (path) => writeFile(join(path, 'file'), ''))
    await store.graph.create('top', { parent: 'base' })
    const view = await store.graph.get('top', { readOnly: true })
    assert.deepEqual(await names(view), ['file'])
    await store.graph.put('top')
  })

  it('nothing for a read-only store, which shows the nearest used ancestor', async () => {
    await stack(store.graph, ['base'], (path) => writeFile(join(path, 'file'), ''))
    await store.graph.create('top', { parent: 'base' })
    const graph = await store.open({ readOnly: true })
    const before = await snapshot(store.root)
    assert.deepEqual(await graph.mounts('top'), [
      { type: 'bind', source: diff('base'), options: ['rbind', 'ro'] },
    ])
    assert.deepEqual(await snapshot(store.root), before)
  })

  it('again, what a copy that failed left undone', async () => {
    await store.graph.create('base')
    await writeFile(join(diff('base'), 'file'), 'text')
    await store.graph.create('top', { parent: 'base' })
    await rm(diff('base'), { recursive: true })
    await assert.rejects(store.graph.get('top'))
    assert.deepEqual(await names(store.at('staging')), [])
    await mkdir(diff('base'))
    await writeFile(join(diff('base'), 'file'), 'text')
    await within(store.graph, 'top', async (path) => assert.equal(await text(join(path, 'file')), 'text'))
  })

  it('the root directory of the parent as it is when it copies', async () => {
    await store.graph.create('base')
    await store.graph.create('top', { parent: 'base' })
    await lutimes(diff('base'), 1, 1)
    await within(store.graph, 'top', async (path) => assert.equal((await stat(path)).mtimeMs, 1000))
  })
})

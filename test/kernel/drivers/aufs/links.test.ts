import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { chmod, lchown, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { GraphDriver } from 'graphdriver'
import { findMount } from 'graphdriver/mount'
import { aufsFlush, aufsUnions, getxattr, mountSync, setxattr, umount2Sync } from 'graphdriver/sys'
import { chain, describeAufs, openAufs } from './machine.ts'

/** File capabilities as the kernel keeps them: cap_net_raw+ep, linux/capability.h. */
const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex')

describeAufs('files with several names in a lower layer of aufs', (directory) => {
  const root = (): string => join(directory(), 'root')
  const diff = (...names: string[]): string => join(root(), 'diff', ...names)
  const kept = (id: string): string[] => readdirSync(diff(id, '.wh..wh.plnk'))

  /** Layer `a` has a file by the names `one` and `far/away/two`; `b` is on top. */
  async function prepare(options = {}): Promise<GraphDriver> {
    const graph = await openAufs(root(), options)
    await chain(graph, ['a', 'b'])
    mkdirSync(diff('a', 'far/away'), { recursive: true })
    writeFileSync(diff('a', 'one'), 'old')
    linkSync(diff('a', 'one'), diff('a', 'far/away/two'))
    return graph
  }

  function both(view: string): string[] {
    return ['one', 'far/away/two'].map((name) => readFileSync(join(view, name), 'utf8'))
  }

  async function tarOf(graph: GraphDriver, id: string): Promise<Buffer> {
    const pieces: Buffer[] = []
    for await (const piece of await graph.diff(id)) pieces.push(piece as Buffer)
    return Buffer.concat(pieces)
  }

  it('are found beside names that are too long for a union', async () => {
    const graph = await prepare()
    mkdirSync(diff('a', 'd'.repeat(255)))
    writeFileSync(diff('a', 'far', 'f'.repeat(255)), '')
    linkSync(diff('a', 'one'), diff('a', 'far', 'l'.repeat(253)))
    const view = await graph.get('b')
    writeFileSync(join(view, 'one'), 'new')
    await graph.put('b')
    assert.deepEqual(both(await graph.get('b')), ['new', 'new'])
    await graph.put('b')
    await graph.close()
  })

  it('are one file still after the next get', async () => {
    const graph = await prepare()
    const first = await graph.get('b')
    writeFileSync(join(first, 'one'), 'new')
    assert.deepEqual(both(first), ['new', 'new'])
    assert.equal(kept('b').length, 1)
    await graph.put('b')
    assert.deepEqual(kept('b'), [])
    const view = await graph.get('b')
    assert.deepEqual(both(view), ['new', 'new'])
    const [one, two] = [statSync(join(view, 'one')), statSync(join(view, 'far/away/two'))]
    assert.deepEqual([one.ino, one.nlink], [two.ino, 2])
    await graph.close()
  })

  it('are one file still after diff and applyDiff elsewhere', async () => {
    const graph = await prepare()
    writeFileSync(join(await graph.get('b'), 'far/away/two'), 'new')
    await graph.put('b')
    await graph.create('copy', { parent: 'a' })
    await graph.applyDiff('copy', (await graph.diff('b')) as AsyncIterable<Uint8Array>)
    assert.deepEqual(both(await graph.get('copy')), ['new', 'new'])
    await graph.close()
  })

  it('are all in the tar of a layer that is mounted, and in what it changes', async () => {
    const graph = await prepare()
    const view = await graph.get('b')
    writeFileSync(join(view, 'one'), 'new')
    const held = await open(join(view, 'one'), 'a')
    const before = await tarOf(graph, 'b')
    const changes = await graph.changes('b')
    assert.deepEqual(
      changes.map(({ kind, path }) => `${kind} ${path}`),
      ['modified /far/away/two', 'modified /one'],
    )
    assert.equal(await graph.diffSize('b'), 3)
    // Who works there goes on.
    await held.write('er')
    await held.close()
    assert.deepEqual(both(view), ['newer', 'newer'])
    await graph.create('copy', { parent: 'a' })
    await graph.applyDiff('copy', oneOf(before))
    assert.deepEqual(both(await graph.get('copy')), ['new', 'new'])
    await graph.close()
  })

  it('keep what was written though the name that it was written through is deleted', async () => {
    const graph = await prepare()
    const first = await graph.get('b')
    writeFileSync(join(first, 'one'), 'new')
    rmSync(join(first, 'one'))
    assert.equal(await graph.diffSize('b'), 3)
    await graph.put('b')
    const view = await graph.get('b')
    assert.equal(readFileSync(join(view, 'far/away/two'), 'utf8'), 'new')
    assert.ok(!existsSync(join(view, 'one')))
    await graph.close()
  })

  it('keep set-user-ID bits, capabilities, owners and times', async () => {
    const graph = await prepare()
    await lchown(diff('a', 'one'), 1, 2)
    await chmod(diff('a', 'one'), 0o6755)
    await setxattr(diff('a', 'one'), 'security.capability', CAPABILITY)
    const view = await graph.get('b')
    const old = statSync(join(view, 'one'), { bigint: true })
    await chmod(join(view, 'one'), 0o6711)
    await graph.put('b')
    for (const name of ['one', 'far/away/two']) {
      const now = lstatSync(diff('b', name), { bigint: true })
      assert.equal(now.mode & 0o7777n, 0o6711n, name)
      assert.deepEqual([now.uid, now.gid, now.mtimeNs], [1n, 2n, old.mtimeNs])
      // To the second, as all times that are set through a union.
      assert.equal(now.atimeNs / 1_000_000_000n, old.atimeNs / 1_000_000_000n)
      assert.deepEqual(await getxattr(diff('b', name), 'security.capability'), CAPABILITY)
    }
    await graph.close()
  })

  it('may be links and devices, and are never followed', async () => {
    const graph = await prepare()
    writeFileSync(join(directory(), 'outside'), '')
    symlinkSync(join(directory(), 'outside'), diff('a', 'link'))
    linkSync(diff('a', 'link'), diff('a', 'far/link'))
    const before = statSync(join(directory(), 'outside'), { bigint: true })
    await lchown(join(await graph.get('b'), 'link'), 7, 7)
    await graph.put('b')
    assert.equal(lstatSync(diff('b', 'far/link')).uid, 7)
    assert.equal(readlinkSync(diff('b', 'far/link')), join(directory(), 'outside'))
    assert.deepEqual(statSync(join(directory(), 'outside'), { bigint: true }).ctimeNs, before.ctimeNs)
    await graph.close()
  })

  it('may be thousands, far down', async function () {
    this.timeout(300_000)
    const graph = await prepare()
    const deep = diff('a', ...Array.from({ length: 120 }, (_, at) => `d${String(at)}`))
    mkdirSync(deep, { recursive: true })
    for (let at = 0; at < 1000; at++) {
      writeFileSync(diff('a', `file${String(at)}`), 'old')
      linkSync(diff('a', `file${String(at)}`), join(deep, `again${String(at)}`))
    }
    const first = await graph.get('b')
    for (let at = 0; at < 1000; at++) writeFileSync(join(first, `file${String(at)}`), 'new')
    await graph.put('b')
    const there = join(await graph.get('b'), deep.slice(diff('a').length))
    for (let at = 0; at < 1000; at++) {
      assert.equal(readFileSync(join(there, `again${String(at)}`), 'utf8'), 'new')
    }
    await graph.close()
  })

  it('have in a listing the number that stat tells', async () => {
    const graph = await prepare()
    const view = await graph.get('b')
    writeFileSync(join(view, 'one'), 'new')
    writeFileSync(join(view, 'own'), '')
    linkSync(join(view, 'own'), join(view, 'far/own'))
    const si = ((await findMount(view))?.superOptions ?? '').split(',').find((word) => word.startsWith('si='))
    // Two names of a file that was never below are none.
    assert.equal(kept('b').length, 1)
    // Both are touched, also when both lie in the branch already: each was found by its number in the listing.
    assert.equal(await aufsFlush(view, { branches: [diff('b')] }), 2)
    assert.equal(await aufsFlush(view, { branches: [diff('b')], si: si!.slice(3) }), 2)
    assert.deepEqual(kept('b'), [])
    assert.equal(await aufsFlush(view, { branches: [diff('b')], si: si!.slice(3) }), 0)
    await graph.close()
  })

  it('are flushed while somebody else maintains them, and what he keeps goes before the next mount', async function () {
    this.timeout(60_000)
    const graph = await prepare()
    const view = await graph.get('b')
    writeFileSync(join(view, 'one'), 'new')
    const [union = ''] = await aufsUnions()
    const script = 'exec 3>/proc/fs/aufs/plink_maint && printf si=%s "$1" >&3 && echo ready && read line'
    const args = ['-c', script, 'sh', union.slice('si_'.length)]
    const maintainer = spawn('sh', args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const gone = once(maintainer, 'exit')
    await once(maintainer.stdout, 'data')
    const put = graph.put('b')
    setTimeout(() => maintainer.stdin.end(), 100)
    await gone
    await put
    assert.deepEqual(both(await graph.get('b')), ['new', 'new'])
    await graph.close()
  })

  it('stop an unmount that would lose them, until there is room or the caller does not mind', async () => {
    const small = join(directory(), 'small')
    mkdirSync(small)
    mountSync('none', small, 'tmpfs', 0, 'nr_inodes=200,size=8m')
    const graph = await openAufs(join(small, 'root'))
    await chain(graph, ['a', 'b'])
    const at = (...names: string[]): string => join(small, 'root/diff', ...names)
    mkdirSync(at('a', 'far'))
    writeFileSync(at('a', 'one'), 'old')
    linkSync(at('a', 'one'), at('a', 'far/two'))
    writeFileSync(join(await graph.get('b'), 'one'), 'new')
    const fill = (): void => {
      for (let number = 0; ; number++) writeFileSync(join(small, `full${String(number)}`), '')
    }
    assert.throws(fill, { code: 'ENOSPC' })
    await assert.rejects(graph.put('b'), (error: Error & { code?: string; cause?: unknown }) => {
      assert.equal(error.code, 'ERR_LAYER_BUSY')
      assert.match(error.message, /ENOSPC.*far\/two.*detach/)
      assert.equal((error.cause as { code: string }).code, 'ENOSPC')
      return true
    })
    assert.deepEqual(await graph.cleanup(), { unmounted: [], busy: [], removed: [] })
    await assert.rejects(graph.diffSize('b'), { code: 'ENOSPC' })
    for (const name of await readdir(small)) if (name.startsWith('full')) rmSync(join(small, name))
    await graph.put('b')
    assert.equal(readFileSync(at('b', 'far/two'), 'utf8'), 'new')
    await graph.get('b')
    await graph.close()
    umount2Sync(small)
  })

  it('leave nothing behind but what the next mount takes away, when nobody flushed them', async () => {
    const graph = await prepare()
    writeFileSync(join(await graph.get('b'), 'one'), 'new')
    // As a dying machine would.
    umount2Sync(join(root(), 'mnt/b'))
    assert.equal(kept('b').length, 1)
    const names: string[] = []
    for (const { path } of await graph.changes('b')) names.push(path)
    assert.deepEqual(names, ['/one'])
    assert.ok(!(await tarOf(graph, 'b')).includes('plnk'))
    await graph.put('b')
    await graph.get('b')
    assert.deepEqual(kept('b'), [])
    await graph.close()
  })

  it('part as on overlay where links are not kept together', async () => {
    const graph = await prepare({ aufs: { plink: false } })
    writeFileSync(join(await graph.get('b'), 'one'), 'new')
    await graph.put('b')
    assert.deepEqual(both(await graph.get('b')), ['new', 'old'])
    await graph.close()
  })
})

async function* oneOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  await Promise.resolve()
  yield bytes
}

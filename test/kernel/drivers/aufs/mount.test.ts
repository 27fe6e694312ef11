import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { probe } from 'graphdriver'
import {
  aufsBranches,
  aufsUnions,
  AUFS_SUPER_MAGIC,
  mountSync,
  MS_REMOUNT,
  statfs,
  umount2Sync,
} from 'graphdriver/sys'
import { behaviours } from '../../../fake-aufs/behaviours.ts'
import { skip } from '../../../skip.ts'
import { makePlace } from '../../../fake-aufs/refusals.ts'
import { chain, describeAufs, ids, longIds, openAufs } from './machine.ts'

/** Where there is nothing, on every machine. */
const SHORT = '/mnt'
const forms = ['mount', 'fsconfig', 'remount'] as const

describeAufs('aufs of this kernel', (directory) => {
  it('is found, and says what it is', async () => {
    const [report] = await probe(directory())
    assert.equal(report!.supported, true, report!.reason)
    assert.match(report!.features['Aufs Version']!, /^\d/)
    assert.deepEqual(readdirSync(directory()), [])
  })

  for (const form of forms) {
    it(`shows every layer of a stack of 100, by the form ${form}, and hides what was deleted`, async () => {
      const graph = await openAufs(join(directory(), 'root'), { aufs: { form } })
      const layers = longIds(100)
      await chain(graph, layers)
      for (const id of layers) writeFileSync(join(directory(), 'root/diff', id, id), id)
      writeFileSync(join(directory(), 'root/diff', layers[50]!, `.wh.${layers[10]!}`), '')
      const path = await graph.get(layers.at(-1)!)
      assert.deepEqual(
        readdirSync(path).sort(),
        layers.filter((_, at) => at !== 10),
      )
      rmSync(join(path, layers[20]!))
      assert.ok(existsSync(join(directory(), 'root/diff', layers.at(-1)!, `.wh.${layers[20]!}`)))
      assert.equal((await aufsBranches(path)).length, 100)
      assert.equal((await statfs(path)).type, AUFS_SUPER_MAGIC)
      await graph.close()
      assert.deepEqual(await aufsUnions(), [])
    })
  }

  it('takes as many branches as the probe says, and not one more', async function () {
    const [report] = await probe(directory())
    const most = parseInt(report!.features['Branch Limit']!)
    if (!(most <= 511)) skip(this, `${String(most)} branches are more than are made here`)
    const root = join(directory(), 'root')
    const layers = ids(most + 1)
    const graph = await openAufs(root, { aufs: { maxBranches: most + 1 } })
    await chain(graph, layers)
    await graph.get(layers[most - 1]!)
    await graph.put(layers[most - 1]!)
    await assert.rejects(graph.get(layers[most]!), {
      code: 'ENOSPC',
      detail: new RegExp(`takes ${String(most)}`),
    })
    assert.deepEqual(await aufsUnions(), [])
    await graph.close()
  })

  for (const form of forms) {
    for (const bytes of ['short', 90] as const) {
      const paths = bytes === 'short' ? 'short paths' : `paths of ${String(bytes)} bytes`
      it(`goes up to its limit with ${paths}, by the form ${form}, and says so at create`, async () => {
        // Near the root of all files, so that the paths can be as short as they have to be.
        mountSync('aufs-test', SHORT, 'tmpfs')
        const fixed = join(SHORT, 'diff', longIds(1)[0]!).length + 1
        const root = join(SHORT, 'r'.repeat(bytes === 'short' ? 1 : bytes - fixed))
        const graph = await openAufs(root, { aufs: { form } })
        const most = (await graph.info()).aufs!.branchLimit
        const layers = bytes === 'short' ? ids(most, 'l') : longIds(most)
        if (bytes !== 'short') assert.equal(join(root, 'diff', layers[0]!).length, bytes)
        await chain(graph, layers)
        for (const id of layers) writeFileSync(join(root, 'diff', id, id), '')
        assert.equal(readdirSync(await graph.get(layers.at(-1)!)).length, most)
        await graph.put(layers.at(-1)!)
        await assert.rejects(graph.create('more', { parent: layers.at(-1)! }), {
          code: 'ERR_TOO_MANY_LAYERS',
          message: new RegExp(`aufs takes ${String(most - 1)} below`),
        })
        await graph.close()
        umount2Sync(SHORT, 0)
      })
    }
  }

  it('says what it is and how it works', async () => {
    const graph = await openAufs(join(directory(), 'root'))
    const { aufs } = await graph.info()
    assert.match(aufs!.version!, /^\d/)
    assert.ok([127, 511, 1023, 32_767].includes(aufs!.branchLimit))
    assert.deepEqual([aufs!.dirperm1, aufs!.longStacks, aufs!.form], [true, 'fsconfig', 'auto'])
    assert.ok(aufs!.xino!.freeBytes > 0)
    assert.ok(existsSync(aufs!.xino!.directory))
    await graph.close()
  })

  it('knows a union that is detached and in use', async () => {
    const graph = await openAufs(join(directory(), 'root'))
    await chain(graph, ['a', 'b'])
    const before = process.cwd()
    process.chdir(await graph.get('b'))
    await graph.put('b', { detach: true })
    await assert.rejects(graph.get('b'), { code: 'ERR_LAYER_IN_USE' })
    process.chdir(before)
    await graph.get('b')
    await graph.close()
  })

  it('leaves no table, wherever it is', async () => {
    const tables = join(directory(), 'tables')
    mkdirSync(tables)
    const graph = await openAufs(join(directory(), 'root'), { aufs: { xino: tables } })
    await chain(graph, ids(60))
    await graph.get('layer-0059')
    assert.deepEqual(readdirSync(tables), [])
    await graph.close()
  })

  it('replaces half a union, whatever left it', async () => {
    const root = join(directory(), 'root')
    const graph = await openAufs(root)
    await chain(graph, ['a', 'b', 'c'])
    writeFileSync(join(root, 'diff/a/file'), '')
    mountSync('none', join(root, 'mnt/c'), 'aufs', 0, `br:${root}/diff/c=rw:${root}/diff/b=ro+wh,noxino`)
    assert.deepEqual(readdirSync(await graph.get('c')), ['file'])
    await graph.close()
  })

  it('works beside a union whose branches were deleted below it', async () => {
    const at = (...names: string[]): string => join(directory(), ...names)
    for (const name of ['broken', 'broken/rw', 'broken/ro', 'broken/mnt']) mkdirSync(at(name))
    mountSync(
      'none',
      at('broken/mnt'),
      'aufs',
      0,
      `br:${at('broken/rw')}=rw:${at('broken/ro')}=ro,xino=${at('broken/xino')}`,
    )
    for (const name of ['rw', 'ro']) rmSync(at('broken', name), { recursive: true })
    const graph = await openAufs(at('root'))
    await chain(graph, ['a', 'b'])
    const path = await graph.get('b')
    writeFileSync(join(path, 'file'), '')
    await graph.put('b')
    // One of the store's own, with its layers deleted, is no layer any more; another one is not kept from being mounted.
    await graph.get('b')
    rmSync(at('root/diff/b'), { recursive: true })
    await graph.create('c', { parent: 'a' })
    await graph.get('c')
    await graph.put('c')
    await graph.put('b')
    await graph.close()
    umount2Sync(at('broken/mnt'), 0)
  })

  it('is not taken for mounted where a union lies above its mount points', async () => {
    const root = join(directory(), 'root')
    const graph = await openAufs(root)
    await chain(graph, ['a', 'b'])
    writeFileSync(join(root, 'diff/a/file'), '')
    const above = join(directory(), 'above')
    mkdirSync(join(above, 'b'), { recursive: true })
    mountSync('none', join(root, 'mnt'), 'aufs', 0, `br:${above}=rw,noxino`)
    assert.equal((await statfs(join(root, 'mnt/b'))).type, AUFS_SUPER_MAGIC)
    assert.equal((await graph.list()).find(({ id }) => id === 'b')!.mounted, false)
    assert.deepEqual(readdirSync(await graph.get('b')), ['file'])
    await graph.put('b')
    assert.deepEqual(readdirSync(join(root, 'mnt/b')), [])
    umount2Sync(join(root, 'mnt'))
    await graph.close()
  })

  it('hides nothing by an opaque marker in the root of a branch, but in every directory below', async () => {
    const root = join(directory(), 'root')
    const graph = await openAufs(root)
    await chain(graph, ['a', 'b', 'c'])
    const diff = (...names: string[]): string => join(root, 'diff', ...names)
    for (const name of ['a', 'b']) mkdirSync(diff(name, 'below'))
    for (const name of ['old', 'older', 'below/old']) writeFileSync(diff('a', name), '')
    for (const name of ['.wh..wh..opq', '.wh.older', 'below/.wh..wh..opq', 'below/new']) {
      writeFileSync(diff('b', name), '')
    }
    const path = await graph.get('c')
    assert.deepEqual(readdirSync(path).sort(), ['below', 'old'])
    assert.deepEqual(readdirSync(join(path, 'below')), ['new'])
    await graph.close()
  })

  it('shows its branches to another place by the same plan as data', async () => {
    const root = join(directory(), 'root')
    const graph = await openAufs(root)
    await chain(graph, ids(120))
    const mounts = await graph.mounts('layer-0119')
    assert.ok(mounts.length > 1)
    const target = join(directory(), 'elsewhere')
    mkdirSync(target)
    for (const { type, source, options } of mounts) {
      const [first, ...rest] = options
      const remount = first === 'remount'
      mountSync(source, target, type, remount ? MS_REMOUNT : 0, (remount ? rest : options).join(','))
    }
    assert.equal((await aufsBranches(target)).length, 120)
    umount2Sync(target)
    await graph.close()
  })
})

describeAufs('aufs as its double has it', (directory) => {
  for (const { title, run } of behaviours) {
    it(title, () => run(makePlace((...names) => join(directory(), ...names))))
  }
})

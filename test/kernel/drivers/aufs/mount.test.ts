import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { probe } from 'graphdriver'
import { perform } from 'graphdriver/mount'
import {
  aufsBranches,
  aufsUnions,
  AUFS_SUPER_MAGIC,
  mountSync,
  MS_BIND,
  MS_RDONLY,
  MS_REMOUNT,
  statfs,
  SyscallError,
  umount2Sync,
} from 'graphdriver/sys'
import { explainAufs } from '#lib/drivers/aufs/explain.js'
import { planAufs } from '#lib/drivers/aufs/plan.js'
import { makePlace, refusals } from '../../../fake-aufs/refusals.ts'
import { chain, describeAufs, ids, longIds, openAufs } from './machine.ts'

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

  it('takes as many branches as the probe says, and not one more', async () => {
    const [report] = await probe(directory())
    const most = Number(report!.features['Most Branches'])
    if (!(most <= 511)) return
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

describeAufs('a mount that aufs refuses', (directory) => {
  const at = (...names: string[]): string => join(directory(), ...names)

  async function failure(paths: readonly string[], xino: string, label?: string): Promise<SyscallError> {
    const layer = (diff: string) => ({ id: diff, diff, target: at('union'), own: (name: string) => at(name) })
    const [own = '', ...lowers] = paths
    const stack = { layer: layer(own), ancestors: lowers.map(layer), lowers }
    const features = { pageSize: 4096, fsconfig: false, dirperm1: true }
    const plan = planAufs(
      stack,
      { readOnly: false, ...(label !== undefined && { label }) },
      {},
      features,
      xino,
    )!
    const error = await perform(plan, at('union')).then(
      () => assert.fail('it was mounted'),
      (thrown: unknown) => thrown,
    )
    assert.ok(error instanceof SyscallError, String(error))
    return error.with({ detail: await explainAufs(error, plan, at('union'), 127) })
  }

  // The same that the fake kernel is asked: the errnos have to be the same.
  for (const { title, code, words, prepare, label } of refusals) {
    it(`is explained: ${title}`, async () => {
      const place = makePlace(at)
      prepare?.(place)
      const error = await failure(place.paths, place.xino, label)
      assert.equal(error.code, code)
      assert.match(error.detail!, words)
    })
  }

  const mounts: [name: string, type: string, words: RegExp][] = [
    ['ro2', 'ramfs', /ro2 is on ramfs/],
    ['ro2', 'proc', /ro2 is on proc/],
    ['ro2', 'sysfs', /ro2 is on sysfs/],
    ['xino', 'ramfs', /xino file cannot be in .* ramfs/],
  ]
  for (const [name, type, words] of mounts) {
    it(`is explained: ${name} on ${type}`, async () => {
      const place = makePlace(at)
      mountSync('none', at(name), type)
      const error = await failure(place.paths, place.xino)
      assert.equal(error.code, 'EINVAL')
      assert.match(error.detail!, words)
    })
  }

  it('is explained: a branch on overlay', async () => {
    const place = makePlace(at)
    for (const name of ['lower', 'upper', 'work']) mkdirSync(at(name))
    const data = `lowerdir=${at('lower')},upperdir=${at('upper')},workdir=${at('work')}`
    mountSync('none', at('ro1'), 'overlay', 0, data)
    const error = await failure(place.paths, place.xino)
    assert.equal(error.code, 'EINVAL')
    assert.match(error.detail!, /ro1 is on overlay, .*stacked already/)
  })

  it('is explained: a writable branch on a read-only superblock', async () => {
    const place = makePlace(at)
    mountSync('none', at('rw'), 'tmpfs', MS_RDONLY)
    const error = await failure(place.paths, place.xino)
    assert.equal(error.code, 'EINVAL')
    assert.match(error.detail!, /rw is to be written and lies on a read-only mount/)
  })

  it('is explained: a writable branch on a read-only mount', async () => {
    const place = makePlace(at)
    mountSync(at('rw'), at('rw'), null, MS_BIND)
    mountSync(null, at('rw'), null, MS_BIND | MS_REMOUNT | MS_RDONLY)
    const error = await failure(place.paths, place.xino)
    assert.ok(['EINVAL', 'EROFS'].includes(error.code), error.code)
    assert.match(error.detail!, /rw is to be written and lies on a read-only mount/)
  })

  it('is explained: a table without room', async () => {
    const place = makePlace(at)
    mountSync('none', at('xino'), 'tmpfs', 0, 'size=4k')
    writeFileSync(at('xino', 'full'), Buffer.alloc(4096))
    const error = await failure(place.paths, place.xino)
    assert.ok(['ENOSPC', 'EINVAL', 'EIO'].includes(error.code), error.code)
    assert.match(error.detail!, /the xino file cannot be in/)
  })
})

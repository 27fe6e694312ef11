import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { convert, type GraphDriver } from 'graphdriver'
import { entries } from 'graphdriver/archive'
import { docker, makeDockerRoot } from '../docker.ts'
import { itMerges, mountPoints, rejects, snapshot, text, useStore } from '../support.ts'

/** The entries of a layer's tar, in their order. */
async function tarred(graph: GraphDriver, id: string): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of entries(await graph.diff(id))) names.push(name.toString())
  return names
}

const TOP = ['.wh.tmp', 'bin/', 'bin/tool', 'root/', 'root/.history']

async function looksRight(graph: GraphDriver): Promise<void> {
  const { base, middle, init, top } = docker
  assert.deepEqual(await tarred(graph, top), TOP)
  assert.deepEqual(await tarred(graph, middle), [
    ...['etc/', 'etc/.wh.hosts', 'etc/passwd', 'opt/', 'opt/tool'],
    ...['var/', 'var/cache/', 'var/cache/.wh..wh..opq', 'var/cache/new'],
  ])
  assert.deepEqual(
    (await graph.changes(top)).map(({ kind, path }) => `${kind} ${path}`),
    ['deleted /tmp', 'modified /bin', 'added /bin/tool', 'added /root', 'added /root/.history'],
  )
  assert.equal(await graph.diffSize(top), 'linked'.length + 'ls'.length)
  const all = (await graph.changes(top, { parent: base })).map(({ kind, path }) => `${kind} ${path}`)
  assert.ok(all.includes('deleted /etc/hosts') && all.includes('deleted /var/cache/old'), all.join('\n'))
  assert.ok(!all.some((line) => line.includes('.wh.')), all.join('\n'))
  assert.deepEqual(
    (await graph.layout(top)).lowers.map((path) => path.slice(path.lastIndexOf('/') + 1)),
    [init, middle, base],
  )
}

/** A root of Docker's own aufs driver, as it is. */
export function dockerRoot(driver: string): void {
  if (driver !== 'aufs') return
  describe('a root that Docker wrote', () => {
    const store = useStore(driver, false)
    const openRoot = (options = {}): Promise<GraphDriver> => store.open(options)
    beforeEach(() => {
      store.root = join(store.root, 'aufs')
    })

    it('opens, lists and tells what each layer changed', async () => {
      makeDockerRoot(store.root)
      const { base, middle, init, top } = docker
      const graph = await openRoot()
      assert.deepEqual(
        (await graph.list()).map(({ id, parent, children, fault }) => [id, parent, children, fault]),
        [
          [base, undefined, [middle], undefined],
          [middle, base, [init], undefined],
          [top, init, [], undefined],
          [init, middle, [top], undefined],
        ].sort(),
      )
      await looksRight(graph)
      for (const name of ['layers', 'diff', 'mnt'])
        assert.equal(statSync(store.at(name)).mode & 0o7777, 0o700)
      assert.equal(statSync(store.root).mode & 0o7777, 0o710)
    })

    it('mounts, and a container’s layer can be filled, taken down and removed', async () => {
      makeDockerRoot(store.root)
      const { init, top } = docker
      const graph = await openRoot()
      const path = await graph.get(top)
      assert.equal(path, store.at('mnt', top))
      assert.deepEqual(await mountPoints(store.root), [path])
      await graph.put(top)
      assert.deepEqual(await mountPoints(store.root), [])
      await rejects(graph.remove(init), 'ERR_LAYER_HAS_CHILDREN')
      await graph.remove(top)
      await graph.remove(init)
      assert.deepEqual((await readdir(store.at('diff'))).sort(), [docker.base, docker.middle].sort())
    })

    itMerges(driver, 'shows what it held', async () => {
      makeDockerRoot(store.root)
      const graph = await openRoot()
      const path = await graph.get(docker.top)
      assert.deepEqual((await readdir(path)).sort(), ['bin', 'dev', 'etc', 'opt', 'root', 'var'])
      assert.deepEqual((await readdir(join(path, 'etc'))).sort(), ['hostname', 'passwd'])
      assert.deepEqual(await readdir(join(path, 'var/cache')), ['new'])
      assert.equal(await text(join(path, 'etc/passwd')), 'root and more')
      await graph.put(docker.top)
    })

    it('flattens, and converts', async () => {
      makeDockerRoot(store.root)
      const { base, middle, init, top } = docker
      const graph = await openRoot()
      await graph.flatten(top, 'flat')
      const flat = store.at('diff', 'flat')
      assert.deepEqual((await readdir(flat)).sort(), ['bin', 'dev', 'etc', 'opt', 'root', 'var'])
      assert.equal((await lstat(join(flat, 'bin/sh'))).ino, (await lstat(join(flat, 'bin/ash'))).ino)
      assert.equal((await lstat(join(flat, 'bin'))).mtimeMs, 1_400_000_000_000)
      const before = await Promise.all([base, middle, init, top].map((id) => tarred(graph, id)))
      await graph.close()
      const { layers, whiteouts, opaque } = await convert(store.root, { to: 'overlay' })
      assert.deepEqual([layers, whiteouts, opaque], [5, 2, 1])
      assert.ok(!(await readdir(store.at('diff', top))).some((name) => name.startsWith('.wh.')))
      await convert(store.root, { to: 'aufs' })
      const again = await openRoot()
      assert.deepEqual(await Promise.all([base, middle, init, top].map((id) => tarred(again, id))), before)
    })

    it('that is broken: what is whole works, what is not is named, and rubble goes', async () => {
      makeDockerRoot(store.root, true)
      const { base, top, orphan, hollow, cut, child, gone } = docker
      const graph = await openRoot()
      const faults = new Map((await graph.list()).map(({ id, fault }) => [id, fault]))
      assert.equal(faults.get(orphan), 'orphan')
      assert.ok(faults.has(base) && !faults.has(gone))
      await rejects(graph.get(hollow), 'ERR_LAYER_CORRUPT', /are missing/)
      await rejects(graph.diff(hollow), 'ERR_LAYER_CORRUPT')
      await rejects(graph.get(cut), 'ERR_LAYER_CORRUPT')
      await rejects(graph.get(child), 'ERR_LAYER_CORRUPT')
      await rejects(graph.create('new', { parent: cut }), 'ERR_LAYER_CORRUPT')
      for (const name of ['diff', 'mnt'])
        assert.equal(existsSync(store.at(name, `${gone}-removing`)), false, name)
      assert.equal(existsSync(store.at('diff', orphan, 'file')), true)
      await looksRight(graph)
      await graph.get(top)
      await graph.put(top)
      assert.deepEqual((await graph.cleanup({ orphans: true })).removed, [orphan])
      await graph.remove(hollow)
      await graph.remove(child)
      await graph.remove(cut)
      assert.deepEqual(
        (await graph.list()).map(({ fault }) => fault),
        [undefined, undefined, undefined, undefined],
      )
    })

    it('read-only: lists, diffs and shows changes, and is not touched', async () => {
      makeDockerRoot(store.root, true)
      const before = await snapshot(store.root)
      const graph = await openRoot({ readOnly: true, driver: undefined })
      assert.equal(graph.name, 'aufs')
      assert.equal((await graph.list()).length, 8)
      await looksRight(graph)
      const [mount] = await graph.mounts(docker.top)
      assert.equal(mount!.type, 'aufs')
      assert.equal(mount!.options[0]!.split(':').length, 5)
      await rejects(graph.get(docker.top), 'ERR_STORE_READ_ONLY')
      await rejects(graph.flatten(docker.top, 'flat'), 'ERR_STORE_READ_ONLY')
      await graph.close()
      assert.deepEqual(await snapshot(store.root), before)
    })

    it('with the mount of a daemon that died: get takes it over, cleanup takes it down', async () => {
      makeDockerRoot(store.root)
      const { top } = docker
      const path = store.at('mnt', top)
      const dead = await store.elsewhere()
      await dead.get(top)
      await dead.end()
      const graph = await openRoot()
      const layer = (await graph.list()).find(({ id }) => id === top)!
      assert.deepEqual([layer.mounted, layer.held, layer.inUse], [true, false, true])
      await rejects(convert(store.root, { to: 'overlay' }), 'ERR_STORE_IN_USE')
      assert.equal(await graph.get(top), path)
      assert.deepEqual((await graph.cleanup()).unmounted, [])
      await graph.put(top)
      assert.deepEqual(await mountPoints(store.root), [])
      const another = await store.elsewhere()
      await another.get(top)
      await another.end()
      assert.deepEqual((await graph.cleanup()).unmounted, [top])
      assert.deepEqual(await mountPoints(store.root), [])
    })
  })
}

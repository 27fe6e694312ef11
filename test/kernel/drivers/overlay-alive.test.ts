import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { askKernel, findLiveMounts } from '#lib/drivers/overlay/alive.js'
import { MNT_DETACH, umount2Sync } from 'graphdriver/sys'
import { mountPoints, names, rejects, snapshot, stack, useStore, within } from '../../contract/support.ts'
import { sit } from '../../contract/verbs/put.ts'
import { describeMounts } from '../namespace.ts'
import { namespaceCopy } from './support.ts'

/** A layer that is alive where no lock tells of it. */
describeMounts('an overlay layer that is still alive', () => {
  const store = useStore('overlay')
  const fill = (path: string, id: string): Promise<void> => writeFile(join(path, id), id)

  beforeEach(() => stack(store.graph, ['base', 'top'], fill))

  async function refused(words: RegExp): Promise<void> {
    const { graph } = store
    for (const call of [
      () => graph.get('top'),
      () => graph.create('child', { parent: 'top' }),
      () => graph.remove('top'),
    ]) {
      await rejects(call(), 'ERR_LAYER_IN_USE', words)
    }
    assert.deepEqual(await mountPoints(store.root), [])
    assert.deepEqual(await names(store.at('layers')), ['base', 'top'])
    const top = (await graph.list()).find(({ id }) => id === 'top')!
    assert.deepEqual([top.held, top.children], [false, []])
  }

  async function usable(): Promise<void> {
    await within(store.graph, 'top', async (path) => {
      assert.ok((await names(path)).includes('base'))
    })
    await store.graph.create('child', { parent: 'top' })
    await store.graph.remove('child')
    await store.graph.remove('top')
  }

  it('in another mount namespace is refused, and the process is named', async () => {
    await store.graph.get('top')
    const copy = await namespaceCopy()
    try {
      await store.graph.put('top')
      await refused(new RegExp(`mnt/top.*process ${String(copy.pid)}`))
    } finally {
      await copy.end()
    }
    await usable()
  })

  it('mounted by a process in a namespace of its own is refused', async () => {
    const other = await store.elsewhere({ namespace: true })
    await other.get('top')
    assert.deepEqual(await mountPoints(store.root), [])
    await refused(/top/)
    await other.end()
    await usable()
  })

  it('detached, in which somebody works, is refused', async () => {
    const sitter = await sit(await store.graph.get('top'))
    try {
      await store.graph.put('top', { detach: true })
      await refused(/detached/)
    } finally {
      await sitter.end()
    }
    await usable()
  })

  it('detached by somebody else is refused', async () => {
    const path = await store.graph.get('top')
    const sitter = await sit(path)
    try {
      umount2Sync(path, MNT_DETACH)
      await store.graph.put('top')
      await refused(/detached/)
    } finally {
      await sitter.end()
    }
    await usable()
  })

  it('only in copies in other namespaces ends with { detach }', async () => {
    await store.graph.get('top')
    const copy = await namespaceCopy()
    try {
      await store.graph.put('top', { detach: true })
      await usable()
    } finally {
      await copy.end()
    }
  })

  it('held by the view of a process that was killed is not alive', async () => {
    const other = await store.elsewhere()
    const view = await other.get('top', { readOnly: true })
    await other.end()
    assert.ok((await mountPoints(store.root)).includes(view))
    await store.graph.put('top')
    await usable()
    assert.deepEqual(await mountPoints(store.root), [])
  })

  it('is no hindrance to its siblings, nor to those below it', async () => {
    await store.graph.get('top')
    const copy = await namespaceCopy()
    try {
      await store.graph.put('top')
      await store.graph.create('sibling', { parent: 'base' })
      await within(store.graph, 'sibling', (path) => writeFile(join(path, 'file'), ''))
      await within(store.graph, 'base', (path) => names(path))
    } finally {
      await copy.end()
    }
  })
})

describeMounts('the question whether a directory is in use', () => {
  const store = useStore('overlay')
  const diff = (id: string): string => store.at('diff', id)
  const ask = (directory: string): Promise<boolean> =>
    askKernel(directory, {
      make: (word) => mkdtemp(store.at('staging', word)),
      discard: (path) => rm(path, { recursive: true }),
    })

  it('is answered by the kernel and by the mount tables, and leaves no trace', async () => {
    await stack(store.graph, ['base', 'middle', 'top'])
    const before = await snapshot(diff('top'))
    for (const id of ['base', 'middle', 'top']) assert.equal(await ask(diff(id)), false)
    assert.deepEqual(await snapshot(diff('top')), before)
    const path = await store.graph.get('top')
    assert.equal(await ask(diff('top')), true)
    assert.equal(await ask(diff('middle')), false)
    const found = await findLiveMounts(diff('top'))
    assert.ok(found.some(({ mountPoint }) => mountPoint === path))
    assert.deepEqual(await findLiveMounts(diff('middle')), [])
    await store.graph.put('top')
    assert.equal(await ask(diff('top')), false)
    assert.deepEqual(await findLiveMounts(diff('top')), [])
  })

  it('fails for what is not there', async () => {
    await rejects(ask(store.at('nowhere')), 'ENOENT')
    await writeFile(store.at('file'), '')
    await rejects(ask(store.at('file')), 'ENOTDIR')
  })

  it('finds an upper directory whose name is strange', async () => {
    store.root = store.at('a,b:c "é\\')
    await mkdir(store.root)
    const graph = await store.open()
    await stack(graph, ['base', 'top'])
    await within(graph, 'top', async () => {
      assert.equal((await findLiveMounts(diff('top'))).length > 0, true)
      assert.equal(await ask(diff('top')), true)
    })
  })
})

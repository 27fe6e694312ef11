import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { open } from 'graphdriver'
import { aufsUnions } from 'graphdriver/sys'
import { chain, useFixture } from './fixture.ts'

describe('pseudo-links of aufs', () => {
  const store = useFixture()

  /** As aufs notes that a file of the lower layer was copied up by one of its names. */
  function link(id: string, name = '7.9'): void {
    const directory = store.at('diff', id, '.wh..wh.plnk')
    mkdirSync(directory, { recursive: true })
    writeFileSync(store.at('diff', id, '.wh..wh.plnk', name), '')
  }

  function flushes(): string[] {
    return store.kernel.calls.filter(({ call }) => call === 'aufsFlush').map(({ data }) => data)
  }

  async function mounted(): ReturnType<typeof store.open> {
    const graph = await store.open()
    await chain(graph, ['a', 'b'])
    await graph.get('b')
    return graph
  }

  it('are not asked for where there are none', async () => {
    const graph = await mounted()
    await graph.changes('b')
    await graph.put('b')
    assert.deepEqual(flushes(), [])
  })

  it('of a mounted layer get their names before it is read, and are forgotten before it is unmounted', async () => {
    const graph = await mounted()
    link('b')
    const [union = ''] = await aufsUnions()
    const names = `names ${store.at('diff/b')}`
    await graph.changes('b')
    await graph.diffSize('b')
    for await (const block of await graph.diff('b')) assert.ok(block)
    assert.deepEqual(flushes(), [names, names, names])
    await graph.put('b')
    assert.deepEqual(flushes().slice(3), [`${union.slice('si_'.length)} ${store.at('diff/b')}`])
  })

  it('of both layers that are compared get their names', async () => {
    const graph = await mounted()
    await graph.create('c', { parent: 'a' })
    await graph.get('c')
    for (const id of ['b', 'c']) link(id)
    await graph.changes('b', { parent: 'c' })
    assert.deepEqual(flushes().sort(), [`names ${store.at('diff/b')}`, `names ${store.at('diff/c')}`])
  })

  it('are left alone by who only looks', async () => {
    await mounted()
    link('b')
    const reader = await open({ root: store.root, readOnly: true })
    await reader.changes('b')
    await reader.close()
    assert.deepEqual(flushes(), [])
  })

  it('that cannot get their names stop the unmount, until the caller does not mind', async () => {
    const graph = await mounted()
    link('b')
    store.kernel.failures.push({ call: 'aufsFlush', code: 'ENOSPC' })
    await assert.rejects(graph.put('b'), {
      code: 'ERR_LAYER_BUSY',
      message: /ENOSPC.*utimensat.*far\/two.*detach: true/,
    })
    assert.equal((await graph.list())[1]!.held, true)
    assert.equal(store.kernel.mounts.size, 1)
    store.kernel.failures.push({ call: 'aufsFlush', code: 'ENOSPC' })
    await graph.put('b', { detach: true })
    assert.equal(store.kernel.mounts.size, 0)
  })

  it('that cannot get their names are told by cleanup, and do not keep a layer from being removed', async () => {
    const dying = await mounted()
    link('b')
    store.kernel.failures.push({ call: 'aufsFlush', code: 'EROFS' })
    await assert.rejects(dying.close(), { code: 'ERR_LAYER_BUSY' })
    const graph = await store.open()
    store.kernel.failures.push({ call: 'aufsFlush', code: 'EROFS' })
    assert.deepEqual((await graph.cleanup()).busy, ['b'])
    store.kernel.failures.push({ call: 'aufsFlush', code: 'EROFS' })
    await graph.remove('b')
    assert.equal(store.kernel.mounts.size, 0)
  })

  it('are tried again while somebody else maintains them', async () => {
    const graph = await mounted()
    link('b')
    for (const code of ['EAGAIN', 'EAGAIN', 'EBUSY']) store.kernel.failures.push({ call: 'aufsFlush', code })
    await graph.put('b')
    assert.equal(flushes().length, 4)
  })

  it('that have their names do not keep a union whose notes cannot be dropped', async () => {
    const graph = await mounted()
    link('b')
    store.kernel.failures.push({ call: 'plink_maint', code: 'EACCES' })
    await graph.put('b')
    assert.equal(store.kernel.mounts.size, 0)
  })

  it('that were left by a union that died go before the next, and nothing else does', async () => {
    const graph = await mounted()
    await graph.put('b')
    link('b')
    link('b', 'somebodys')
    link('a')
    await graph.get('b')
    assert.deepEqual(readdirSync(store.at('diff/b/.wh..wh.plnk')), ['somebodys'])
    assert.deepEqual(readdirSync(store.at('diff/a/.wh..wh.plnk')), ['7.9'])
    assert.deepEqual(flushes(), [])
  })
})

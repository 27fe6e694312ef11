import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open, type GraphDriver } from 'graphdriver'
import { entries } from 'graphdriver/archive'
import { list } from 'graphdriver/mount'
import { describeMounts } from '../namespace.ts'

describeMounts('overlay with metacopy and redirect_dir', (directory) => {
  const overlay = { metacopy: true, redirectDir: 'on' } as const

  /** A layer whose directory alone says too little: a mode changed, a directory renamed. */
  async function filled(graph: GraphDriver): Promise<void> {
    await graph.create('base')
    const base = await graph.get('base')
    mkdirSync(join(base, 'old'))
    writeFileSync(join(base, 'old', 'file'), 'content')
    writeFileSync(join(base, 'mode'), 'content')
    await graph.put('base')
    await graph.create('top', { parent: 'base' })
    const top = await graph.get('top')
    renameSync(join(top, 'old'), join(top, 'new'))
    chmodSync(join(top, 'mode'), 0o600)
    await graph.put('top')
  }

  async function tarOf(graph: GraphDriver): Promise<[string, string][]> {
    const found: [string, string][] = []
    for await (const { name, body } of entries(await graph.diff('top'))) {
      const parts: Buffer[] = []
      for await (const part of body) parts.push(Buffer.from(part))
      found.push([name.toString(), Buffer.concat(parts).toString()])
    }
    return found
  }

  it('gives tars and changes that are whole, by what the mounts show', async () => {
    const root = join(directory(), 'store')
    await using graph = await open({ root, driver: 'overlay', overlay })
    await filled(graph)
    assert.deepEqual(await tarOf(graph), [
      ['.wh.old', ''],
      ['mode', 'content'],
      ['new/', ''],
      ['new/file', 'content'],
    ])
    const changes = (await graph.changes('top')).map(({ kind, path }) => `${kind} ${path}`)
    assert.deepEqual(changes, ['deleted /old', 'modified /mode', 'added /new', 'added /new/file'])
    assert.equal(await graph.diffSize('top'), 2 * 'content'.length)
    assert.deepEqual(await list({ prefix: root }), [])
    await graph.remove('top')
  })

  it('is refused where the store was opened without', async () => {
    const root = join(directory(), 'store')
    const graph = await open({ root, driver: 'overlay', overlay })
    await filled(graph)
    await graph.close()
    await using plain = await open({ root, driver: 'overlay' })
    await assert.rejects(tarOf(plain), (error: NodeJS.ErrnoException & { detail?: string }) => {
      assert.equal(error.code, 'EREMOTE')
      assert.match(error.detail ?? '', /metacopy or redirect_dir/)
      assert.match(error.path ?? '', /diff\/top\/(mode|new)/)
      return true
    })
    await plain.remove('top')
  })
})

import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import fc from 'fast-check'
import { childrenOf, forgetChild, hasChildren, recordChild } from '#lib/store/index.js'
import { rebuildChildren } from '#lib/store/children.js'
import { plant, scratch } from './support.ts'

describe('the index of children', () => {
  const directory = scratch()
  const store = {
    'layers/a': '',
    'layers/b': 'a\n',
    'layers/c': 'a\n',
    'layers/d': 'c\na\n',
    'children/': '',
  }

  it('answers those that were recorded, sorted, and at most so many', async () => {
    const layout = plant(directory.path, store)
    await recordChild(layout, 'a', 'c')
    await recordChild(layout, 'a', 'b')
    await recordChild(layout, 'a', 'b')
    assert.deepEqual(await childrenOf(layout, 'a'), ['b', 'c'])
    assert.equal((await childrenOf(layout, 'a', 1)).length, 1)
    assert.equal(await hasChildren(layout, 'a'), true)
    assert.deepEqual(await childrenOf(layout, 'b'), [])
    assert.equal(await hasChildren(layout, 'b'), false)
  })
  it('may say too much: what is no layer, or another one’s child, does not count', async () => {
    const layout = plant(directory.path, {
      ...store,
      'children/b/gone': '',
      'children/b/d': '',
      'children/b/a': '',
      'children/b/x-removing': '',
      'children/b/.hidden': '',
    })
    assert.deepEqual(await childrenOf(layout, 'b'), [])
    assert.equal(await hasChildren(layout, 'b'), false)
  })
  it('counts a child whose metadata is broken: its parent is all that can mend it', async () => {
    const layout = plant(directory.path, { ...store, 'layers/broken': 'a', 'children/a/broken': '' })
    assert.deepEqual(await childrenOf(layout, 'a'), ['broken'])
  })
  it('forgets, and leaves no empty directory', async () => {
    const layout = plant(directory.path, store)
    await recordChild(layout, 'a', 'b')
    await recordChild(layout, 'a', 'c')
    await forgetChild(layout, 'a', 'b')
    assert.deepEqual(await childrenOf(layout, 'a'), ['c'])
    await forgetChild(layout, 'a', 'c')
    await forgetChild(layout, 'a', 'c')
    assert.equal(existsSync(layout.children('a')), false)
  })
  it('records while others forget', async () => {
    const layout = plant(directory.path, store)
    await Promise.all(
      Array.from({ length: 40 }, async (_, at) => {
        await recordChild(layout, 'a', `x${String(at)}`)
        await forgetChild(layout, 'a', `x${String(at)}`)
      }),
    )
    assert.equal(existsSync(layout.children('a')), false)
  })

  describe('made anew', () => {
    it('says what the metadata says', async () => {
      const parents = fc.array(fc.option(fc.nat()), { maxLength: 20 })
      await fc.assert(
        fc.asyncProperty(parents, async (picks) => {
          const chains: string[][] = []
          for (const pick of picks) {
            const parent = pick === null || chains.length === 0 ? undefined : pick % chains.length
            chains.push(parent === undefined ? [] : [`l${String(parent)}`, ...chains[parent]!])
          }
          const root = directory.at(`run-${String(Math.random())}`)
          const layout = plant(root, {
            'layers/': '',
            ...Object.fromEntries(
              chains.map((chain, at) => [`layers/l${String(at)}`, chain.map((id) => `${id}\n`).join('')]),
            ),
          })
          await rebuildChildren(layout)
          for (const at of chains.keys()) {
            const id = `l${String(at)}`
            const expected = [...chains.keys()].filter((child) => chains[child]![0] === id)
            assert.deepEqual(
              await childrenOf(layout, id),
              expected.map((child) => `l${String(child)}`).sort(),
            )
          }
        }),
        { numRuns: 20 },
      )
    })
    it('passes over broken metadata', async () => {
      const layout = plant(directory.path, { 'layers/a': '', 'layers/b': 'a\n', 'layers/broken': 'x' })
      await rebuildChildren(layout)
      assert.deepEqual(readdirSync(layout.directory('children')), ['a'])
      assert.deepEqual(await childrenOf(layout, 'a'), ['b'])
    })
    it('takes the place of one that a dead process had begun', async () => {
      const layout = plant(directory.path, { 'layers/a': '', 'layers/b': 'a\n', 'children.new/x/y': '' })
      await rebuildChildren(layout)
      assert.deepEqual(readdirSync(directory.path).sort(), ['children', 'layers'])
      assert.deepEqual(readdirSync(layout.directory('children')), ['a'])
    })
  })
})

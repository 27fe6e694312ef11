import assert from 'node:assert/strict'
import fc from 'fast-check'

import { isBelow } from '#lib/mount/lookup.js'
import { childrenFirst } from '#lib/mount/unmount.js'

describe('the order of unmounting', () => {
  it('takes what lies on a mount before the mount, in any table', () => {
    const parents = fc.array(fc.nat(), { minLength: 1, maxLength: 40 })
    const tables = parents.chain((raw) => {
      const mounts = raw.map((parent, id) => ({ id: id + 1, parent: parent % (id + 1) }))
      return fc.shuffledSubarray(mounts, { minLength: mounts.length })
    })
    fc.assert(
      fc.property(tables, (mounts) => {
        const order = childrenFirst(mounts)
        assert.deepEqual(new Set(order), new Set(mounts))
        assert.equal(order.length, mounts.length)
        const place = new Map(order.map(({ id }, index) => [id, index]))
        for (const { id, parent } of mounts) {
          const above = place.get(parent)
          if (above !== undefined) assert(place.get(id)! < above)
        }
      }),
    )
  })
  it('takes the later of two neighbours first', () => {
    const mounts = [
      { id: 1, parent: 0 },
      { id: 2, parent: 1 },
      { id: 3, parent: 1 },
      { id: 4, parent: 2 },
    ]
    assert.deepEqual(
      childrenFirst(mounts).map(({ id }) => id),
      [3, 4, 2, 1],
    )
  })
  it('takes the later first also of those that lie on none of the others', () => {
    const mounts = [1, 2, 3].map((id) => ({ id, parent: 0 }))
    assert.deepEqual(
      childrenFirst(mounts).map(({ id }) => id),
      [3, 2, 1],
    )
  })
  it('comes to an end where a mount is its own parent', () => {
    assert.deepEqual(childrenFirst([{ id: 1, parent: 1 }]), [{ id: 1, parent: 1 }])
  })
  it('holds a chain of any length', () => {
    const chain = Array.from({ length: 20_000 }, (_, id) => ({ id: id + 1, parent: id }))
    assert.equal(childrenFirst(chain)[0]?.id, 20_000)
  })
})

describe('isBelow', () => {
  it('looks at whole names', () => {
    const below = isBelow('/a/b')
    assert.deepEqual(['/a/b', '/a/b/c', '/a/bc', '/a', '/a/b/'].map(below), [true, true, false, false, true])
    assert.deepEqual(['/', '/x'].map(isBelow('/')), [true, true])
  })
})

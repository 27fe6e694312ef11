import assert from 'node:assert/strict'
import { Refusal } from '../../../fake-aufs/branches.ts'
import { behaviours } from '../../../fake-aufs/behaviours.ts'
import { makePlace, type Place } from '../../../fake-aufs/refusals.ts'
import { mostOptions } from '../../../fake-aufs/rules.ts'
import { useFixture } from './fixture.ts'

describe('double of a kernel with aufs', () => {
  const store = useFixture()
  let place: Place
  beforeEach(() => {
    place = makePlace(
      (...names) => store.at(...names),
      (image, target) => {
        store.kernel.rules.images.set(target, image)
      },
    )
  })

  // The same that the real kernel is asked.
  for (const { title, run } of behaviours) it(title, () => run(place))

  /** So many branches in one call. */
  function data(count: number): string {
    return `br:${Array.from({ length: count }, () => `${place.at('ro1')}=ro`).join(':')}`
  }

  it('cuts mount data at a page: branches are lost without a word', () => {
    const { rules } = store.kernel
    const words = `br:${place.at('rw')}=rw:${place.at('ro1')}=ro+wh:`
    const cut = rules.cut(`${words}${'/'.repeat(4095 - words.length)}:${place.at('ro2')}=ro+wh,noxino`)
    assert.equal(Buffer.byteLength(cut), 4095)
    assert.equal(cut.includes('ro2'), false)
    assert.equal(cut.includes('noxino'), false)
  })

  it('crashes when it is given more options than fit its page', () => {
    const { rules } = store.kernel
    assert.equal(mostOptions(4096), 84)
    assert.equal(rules.parse(data(84)).options.length, 84)
    assert.throws(
      () => rules.parse(data(85)),
      (error) => error instanceof Refusal && error.code === 'E2BIG',
    )
    assert.throws(() => rules.parse(data(1)), /the kernel has crashed/)
  })
})

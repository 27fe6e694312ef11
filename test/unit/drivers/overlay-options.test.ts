import assert from 'node:assert/strict'
import { checkOverlayOptions, conflictsWithUserXattrs } from '#lib/drivers/overlay/options.js'

describe('options of overlay', () => {
  const good: unknown[] = [
    undefined,
    {},
    { index: true },
    { index: undefined },
    { metacopy: true, redirectDir: 'on' },
    { index: true, nfsExport: true },
    { metacopy: true, redirectDir: 'on', verity: 'on' },
    { verity: 'off' },
    { redirectDir: 'off', xino: 'auto', volatile: true, uuid: 'null', form: 'relative' },
  ]
  for (const options of good) {
    it(`may be ${JSON.stringify(options) ?? 'left out'}`, () => {
      assert.deepEqual(checkOverlayOptions(options), options ?? {})
    })
  }

  const bad: [options: unknown, code: string, words: RegExp][] = [
    [null, 'ERR_INVALID_ARG_TYPE', /overlay/],
    ['index', 'ERR_INVALID_ARG_TYPE', /overlay/],
    [{ indexes: true }, 'ERR_INVALID_ARG_VALUE', /overlay\.indexes.*index, metacopy/s],
    [{ toString: true }, 'ERR_INVALID_ARG_VALUE', /overlay\.toString/],
    [{ index: 'on' }, 'ERR_INVALID_ARG_VALUE', /overlay\.index.*true, false/s],
    [{ redirectDir: true }, 'ERR_INVALID_ARG_VALUE', /overlay\.redirectDir/],
    [{ xino: 'yes' }, 'ERR_INVALID_ARG_VALUE', /overlay\.xino.*on, off, auto/s],
    [{ volatile: 1 }, 'ERR_INVALID_ARG_VALUE', /overlay\.volatile/],
    [{ uuid: '' }, 'ERR_INVALID_ARG_VALUE', /overlay\.uuid/],
    [{ verity: 'maybe' }, 'ERR_INVALID_ARG_VALUE', /overlay\.verity/],
    [{ form: 'fast' }, 'ERR_INVALID_ARG_VALUE', /overlay\.form/],
    [{ metacopy: true }, 'ERR_INVALID_ARG_VALUE', /overlay\.metacopy.*overlay\.redirectDir/s],
    [
      { metacopy: true, redirectDir: 'follow' },
      'ERR_INVALID_ARG_VALUE',
      /overlay\.metacopy.*overlay\.redirectDir/s,
    ],
    [{ nfsExport: true }, 'ERR_INVALID_ARG_VALUE', /overlay\.nfsExport.*overlay\.index/s],
    [
      { nfsExport: true, index: true, metacopy: true, redirectDir: 'on' },
      'ERR_INVALID_ARG_VALUE',
      /overlay\.nfsExport.*overlay\.metacopy/s,
    ],
    [{ verity: 'require' }, 'ERR_INVALID_ARG_VALUE', /overlay\.verity.*overlay\.metacopy/s],
  ]
  for (const [options, code, words] of bad) {
    it(`may not be ${JSON.stringify(options)}`, () => {
      assert.throws(
        () => checkOverlayOptions(options),
        (error: NodeJS.ErrnoException) => {
          assert.ok(error instanceof TypeError)
          assert.equal(error.code, code)
          assert.match(error.message, words)
          return true
        },
      )
    })
  }

  it('that user.* xattrs cannot have are named', () => {
    assert.equal(conflictsWithUserXattrs({ metacopy: true, redirectDir: 'on' }), 'overlay.metacopy')
    assert.equal(conflictsWithUserXattrs({ redirectDir: 'on' }), 'overlay.redirectDir')
    assert.equal(conflictsWithUserXattrs({ redirectDir: 'follow' }), 'overlay.redirectDir')
    for (const redirectDir of ['off', 'nofollow'] as const) {
      assert.equal(conflictsWithUserXattrs({ redirectDir, index: true }), undefined)
    }
  })
})

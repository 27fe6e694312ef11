import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { open } from 'graphdriver'
import { checkAufsOptions } from '#lib/drivers/aufs/options.js'
import { useFixture } from './fixture.ts'

describe('options of aufs', () => {
  const store = useFixture()

  it('may all be left out', () => {
    assert.deepEqual(checkAufsOptions(undefined), {})
    assert.deepEqual(checkAufsOptions({ dio: undefined }), { dio: undefined })
  })

  for (const options of [
    { xino: 'auto' },
    { xino: 'none', dio: false },
    { xino: '/run/mine', dirperm1: false, udba: 'notify' },
    { plink: false, maxBranches: 511, form: 'remount' },
  ]) {
    it(`take ${JSON.stringify(options)}`, () => {
      assert.deepEqual(checkAufsOptions(options), options)
    })
  }

  const wrong: [options: unknown, code: string, words: RegExp][] = [
    [null, 'ERR_INVALID_ARG_TYPE', /aufs/],
    ['dio', 'ERR_INVALID_ARG_TYPE', /aufs/],
    [{ bogus: 1 }, 'ERR_INVALID_ARG_VALUE', /aufs\.bogus.*unknown.*xino, dio/],
    [{ toString: 1 }, 'ERR_INVALID_ARG_VALUE', /aufs\.toString/],
    [{ xino: 7 }, 'ERR_INVALID_ARG_TYPE', /aufs\.xino/],
    [{ xino: 'relative' }, 'ERR_INVALID_ARG_VALUE', /aufs\.xino/],
    [{ xino: '/a,b' }, 'ERR_INVALID_ARG_VALUE', /aufs\.xino.*","/],
    [{ xino: '/a\nb' }, 'ERR_INVALID_ARG_VALUE', /aufs\.xino.*control/],
    [{ dio: 'yes' }, 'ERR_INVALID_ARG_VALUE', /aufs\.dio/],
    [{ dirperm1: 1 }, 'ERR_INVALID_ARG_VALUE', /aufs\.dirperm1/],
    [{ udba: 'sometimes' }, 'ERR_INVALID_ARG_VALUE', /aufs\.udba.*none, reval, notify/],
    [{ udba: 'notify', xino: 'none' }, 'ERR_INVALID_ARG_VALUE', /aufs\.udba/],
    [{ maxBranches: 1 }, 'ERR_OUT_OF_RANGE', /aufs\.maxBranches/],
    [{ form: 'fast' }, 'ERR_INVALID_ARG_VALUE', /aufs\.form/],
  ]
  for (const [options, code, message] of wrong) {
    it(`refuse ${JSON.stringify(options)} by name, before anything is touched`, async () => {
      assert.throws(() => checkAufsOptions(options), { code, message })
      await assert.rejects(open({ root: store.root, driver: 'aufs', aufs: options as never }), { code })
      assert.deepEqual(readdirSync(store.root), [])
    })
  }

  it('that this kernel does not take are refused at open', async () => {
    store.boot({ unknown: ['udba'] })
    await assert.rejects(open({ root: store.root, driver: 'aufs', aufs: { udba: 'none' } }), {
      code: 'ERR_DRIVER_PREREQUISITE',
      message: /does not take the option udba=none/,
    })
  })
})

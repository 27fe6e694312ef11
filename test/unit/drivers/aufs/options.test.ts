import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { open } from 'graphdriver'
import { checkAufsOptions, refuseWithoutXino, type AufsOptions } from '#lib/drivers/aufs/options.js'
import { differentOption } from '#lib/drivers/aufs/words.js'
import { chain, useFixture } from './fixture.ts'

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
    { plink: true, shwh: true, truncXino: true, truncXib: false, diropq: 'always', dirwh: 0, cpup: 'bup' },
    { warnPerm: false, verbose: true, sum: 'weighted', acl: true, rdcache: 3600, rdblk: 255, rdhash: 0 },
    { rdblk: 0, create: 'tdmfs:2147483647:3600' },
    ...['tdp', 'rr', 'mfs', 'pmfs', 'mfs:0', 'pmfs:3600', 'mfsrr:1', 'pmfsrr:1:2', 'tdmfs:100'].map(
      (create) => ({
        create,
      }),
    ),
  ]) {
    it(`take ${JSON.stringify(options)}`, () => {
      assert.deepEqual(checkAufsOptions(options), options)
    })
  }

  const wrong: [options: unknown, code: string, words: RegExp][] = [
    [null, 'ERR_INVALID_ARG_TYPE', /aufs/],
    ['dio', 'ERR_INVALID_ARG_TYPE', /aufs/],
    [{ bogus: 1 }, 'ERR_INVALID_ARG_VALUE', /aufs\.bogus.*unknown.*xino, truncXino/],
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
    [{ truncXino: true, xino: 'none' }, 'ERR_INVALID_ARG_VALUE', /aufs\.truncXino.*xino 'none'/],
    [{ truncXib: true, xino: 'none' }, 'ERR_INVALID_ARG_VALUE', /aufs\.truncXib.*xino 'none'/],
    [{ plink: true, xino: 'none' }, 'ERR_INVALID_ARG_VALUE', /aufs\.plink.*xino 'none'/],
    [{ dirwh: -1 }, 'ERR_OUT_OF_RANGE', /aufs\.dirwh/],
    [{ dirwh: '3' }, 'ERR_INVALID_ARG_TYPE', /aufs\.dirwh/],
    [{ rdcache: 3601 }, 'ERR_OUT_OF_RANGE', /aufs\.rdcache.*3600/],
    [{ rdblk: 254 }, 'ERR_OUT_OF_RANGE', /aufs\.rdblk.*255/],
    [{ rdhash: 1.5 }, 'ERR_OUT_OF_RANGE', /aufs\.rdhash/],
    [{ diropq: 'a' }, 'ERR_INVALID_ARG_VALUE', /aufs\.diropq.*always, whiteouted/],
    [{ cpup: 'up' }, 'ERR_INVALID_ARG_VALUE', /aufs\.cpup.*tdp, bup, bu/],
    [{ sum: 'heavy' }, 'ERR_INVALID_ARG_VALUE', /aufs\.sum.*weighted/],
    [{ create: 7 }, 'ERR_INVALID_ARG_VALUE', /aufs\.create/],
    ...['mfs:3601', 'tdmfs', 'mfsrr:2147483648', 'rr:1', 'tdp,dio', 'mfsrr:1:3601', 'mfs:', ''].map(
      (create): [unknown, string, RegExp] => [
        { create },
        'ERR_INVALID_ARG_VALUE',
        /aufs\.create.*one of tdp/,
      ],
    ),
    // What aufs(5) has and this has not, by what there is instead.
    ...['br', 'dirs', 'add', 'ins', 'append', 'prepend', 'del', 'mod'].map(
      (name): [unknown, string, RegExp] => [
        { [name]: '/a=rw' },
        'ERR_INVALID_ARG_VALUE',
        /branches .* layer's own/,
      ],
    ),
    [{ noxino: true }, 'ERR_INVALID_ARG_VALUE', /aufs\.noxino.*xino: 'none'/],
    [{ noplink: true }, 'ERR_INVALID_ARG_VALUE', /aufs\.noplink.*\{ plink: false \}/],
    [{ notrunc_xino: true }, 'ERR_INVALID_ARG_VALUE', /\{ truncXino: false \}/],
    [{ trunc_xino: true }, 'ERR_INVALID_ARG_VALUE', /\{ truncXino \}/],
    [{ warn_perm: true }, 'ERR_INVALID_ARG_VALUE', /\{ warnPerm \}/],
    [{ wsum: true }, 'ERR_INVALID_ARG_VALUE', /sum: 'weighted'/],
    [{ dirren: true }, 'ERR_INVALID_ARG_VALUE', /aufs\.dirren.*tar/],
    [{ fhsm_sec: 1 }, 'ERR_INVALID_ARG_VALUE', /aufs\.fhsm_sec.*one writable branch/],
    [{ context: 'a' }, 'ERR_INVALID_ARG_VALUE', /aufs\.context.*mountLabel/],
  ]
  for (const [options, code, message] of wrong) {
    it(`refuse ${JSON.stringify(options)} by name, before anything is touched`, async () => {
      assert.throws(() => checkAufsOptions(options), { code, message })
      await assert.rejects(open({ root: store.root, driver: 'aufs', aufs: options as never }), { code })
      assert.deepEqual(readdirSync(store.root), [])
    })
  }

  it('that want a table are refused where no place for one can be had', async () => {
    const nowhere = { directory: undefined, reason: 'none (for a reason)' }
    for (const options of [
      { udba: 'notify' },
      { truncXino: true },
      { truncXib: true },
      { plink: true },
    ] as const) {
      assert.throws(() => refuseWithoutXino(options, nowhere.reason), {
        code: 'ERR_DRIVER_PREREQUISITE',
        message: /for a reason/,
      })
    }
    refuseWithoutXino({ udba: 'reval', plink: false, truncXino: false }, nowhere.reason)
  })

  it('that only read-only mounts have are tried, too', async () => {
    store.boot({ unknown: ['shwh'] })
    await assert.rejects(open({ root: store.root, driver: 'aufs', aufs: { shwh: true } }), {
      code: 'ERR_DRIVER_PREREQUISITE',
      message: /does not take the option shwh/,
    })
  })

  it('that a mount does not show as they were asked for are a mismatch', () => {
    const differs = (options: AufsOptions, shown: string, readOnly = false): string | undefined =>
      differentOption(options, shown.split(','), readOnly)
    assert.equal(differs({}, 'rw,udba=none,noplink,dio,rdcache=1,noxino'), undefined)
    assert.equal(
      differs({ udba: 'reval', plink: true, dirwh: 3, create: 'tdp', rdblk: 512 }, 'rw'),
      undefined,
    )
    assert.equal(differs({ udba: 'none', plink: false, dirwh: 9 }, 'rw,udba=none,noplink,dirwh=9'), undefined)
    assert.equal(
      differs({ diropq: 'always', sum: 'weighted', acl: true, truncXib: true }, 'rw,diropq=a'),
      undefined,
    )
    assert.equal(differs({ shwh: true }, 'rw'), undefined)
    assert.equal(differs({ shwh: true }, 'ro,shwh', true), undefined)
    assert.match(differs({ shwh: true }, 'ro', true)!, /no shwh, not shwh/)
    assert.match(differs({ udba: 'reval' }, 'rw,udba=none')!, /udba=none, not the common udba/)
    assert.match(differs({ plink: true }, 'rw,noplink')!, /noplink/)
    assert.match(differs({ dio: false }, 'rw,dio')!, /dio/)
    assert.match(differs({ dirwh: 9 }, 'rw,dirwh=8')!, /dirwh=8, not dirwh=9/)
    assert.match(differs({ xino: 'none' }, 'rw')!, /it has a xino/)
    assert.match(differs({ xino: '/run/x' }, 'rw,noxino')!, /no xino/)
    assert.equal(differs({ xino: 'auto' }, 'rw'), undefined)
  })

  it('of a mount that was found are looked at', async () => {
    const before = await store.open()
    await chain(before, ['a', 'b'])
    await before.get('b')
    const other = await store.open({ aufs: { udba: 'none' } })
    await assert.rejects(other.get('b'), { code: 'ERR_MOUNT_MISMATCH', message: /udba=none/ })
    await before.put('b')
    await other.get('b')
    const words = store.kernel.calls.map(({ data }) => data).join()
    assert.match(words, /udba=none/)
  })

  it('that this kernel does not take are refused at open', async () => {
    store.boot({ unknown: ['udba'] })
    await assert.rejects(open({ root: store.root, driver: 'aufs', aufs: { udba: 'none' } }), {
      code: 'ERR_DRIVER_PREREQUISITE',
      message: /does not take the option udba=none/,
    })
  })
})

import assert from 'node:assert/strict'

import * as user from './user.ts'

/** What a program sees on a system that is no Linux: of this process only the name of the platform is another, and nothing native loads. */
const disguise = (platform: string): string => `
  Object.defineProperty(process, 'platform', { value: ${JSON.stringify(platform)} })
  process.dlopen = () => { throw new Error('native code was loaded') }
  const archive = await import('graphdriver/archive')
  const mount = await import('graphdriver/mount')
  const sys = await import('graphdriver/sys')
  const graphdriver = await import('graphdriver')
`

/** Prints the code of what each call fails with. */
const failures = `
  const calls = {
    open: () => graphdriver.open({ root: '/tmp/nowhere' }),
    pack: () => archive.pack('/tmp'),
    unpack: () => archive.unpack('/tmp/nowhere', archive.fromEntries([])),
    changes: () => archive.changes({ layers: ['/tmp'], parents: [], judge: 'touched' }),
    mount: () => mount.mount({ type: 'tmpfs', target: '/tmp/nowhere' }),
    unmount: () => mount.unmount('/tmp/nowhere'),
    isMountPoint: () => mount.isMountPoint('/'),
    list: () => mount.list(),
    mountinfo: () => sys.mountinfo(),
    mountinfoSync: () => sys.mountinfoSync(),
    umount2: () => sys.umount2('/tmp/nowhere'),
    umount2Sync: () => sys.umount2Sync('/tmp/nowhere'),
    mountSync: () => sys.mountSync(null, '/tmp/nowhere', 'tmpfs'),
    statx: () => sys.statx('/'),
    pageSize: () => sys.pageSize(),
  }
  const codes = {}
  for (const [name, call] of Object.entries(calls)) {
    try {
      await call()
      codes[name] = 'done'
    } catch (error) {
      codes[name] = error.code ?? String(error)
    }
  }
  console.log(JSON.stringify(codes))
`

const pure = `
  const tar = archive.fromEntries([{ name: 'a', type: 'file', body: Buffer.from('text') }, { name: 'b/', type: 'directory' }])
  const names = []
  for await (const { name, body } of archive.entries(tar)) {
    let text = ''
    for await (const piece of body) text += Buffer.from(piece)
    names.push(name.toString() + '=' + text)
  }
  const { flags, data } = mount.parseOptions(['ro', 'size=1m'])
  console.log(JSON.stringify({
    names,
    drivers: graphdriver.drivers(),
    read: flags === sys.MS_RDONLY,
    data,
    split: mount.splitOptions('lowerdir=a\\\\,b,ro'),
    lowers: mount.splitLowerdirs(mount.joinLowerdirs(['/a:b', '/c'])),
    bytes: sys.unescapeBytes('a\\\\040b'),
    errno: sys.errnoName(-16),
    error: new graphdriver.GraphDriverError('ERR_LAYER_NOT_FOUND', 'x') instanceof Error,
  }))
`

for (const platform of ['darwin', 'win32']) {
  describe(`on ${platform}`, () => {
    function tell(code: string): unknown {
      const args = [process.execPath, '--input-type=module', '-e', disguise(platform) + code]
      return JSON.parse(user.succeeds(args, user.root))
    }

    it('what makes no system call works: tars, options, names, errors', () => {
      assert.deepEqual(tell(pure), {
        names: ['a=text', 'b/='],
        drivers: ['aufs', 'overlay', 'vfs'],
        read: true,
        data: ['size=1m'],
        split: ['lowerdir=a\\,b', 'ro'],
        lowers: ['/a:b', '/c'],
        bytes: 'a b',
        errno: 'EBUSY',
        error: true,
      })
    })

    it('a system call is refused by ERR_UNSUPPORTED_PLATFORM', () => {
      const codes = tell(failures) as Record<string, string>
      const wrong = Object.entries(codes).filter(([, code]) => code !== 'ERR_UNSUPPORTED_PLATFORM')
      assert.equal(Object.keys(codes).length, 15)
      assert.deepEqual(wrong, [])
    })
  })
}

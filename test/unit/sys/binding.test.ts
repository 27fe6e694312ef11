import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'

import { mountSync, SyscallError } from 'graphdriver/sys'
import { candidates, loadAddon, setBinding } from '#lib/sys/binding.js'
import type { Host } from '#lib/sys/binding.js'
import type { Native } from '#lib/sys/native.js'

function host(change: Partial<Host> = {}): Host {
  return {
    platform: 'linux',
    arch: 'riscv64',
    override: undefined,
    root: '/package/',
    require: (path) => {
      throw new Error(`Cannot find module '${path}'\nRequire stack:\n- /somewhere`)
    },
    ...change,
  }
}

describe('the loader', () => {
  it('tries the prebuilt binary of this processor, then the build', () => {
    assert.deepEqual(candidates(host()), [
      '/package/prebuilds/linux-riscv64/graphdriver.node',
      '/package/build/Release/graphdriver.node',
    ])
  })
  it('tries only the file that GRAPHDRIVER_NATIVE names', () => {
    assert.deepEqual(candidates(host({ override: '/mine.node' })), ['/mine.node'])
  })
  it('takes the first that loads', () => {
    const asked: string[] = []
    const native = {}
    const require = (path: string): unknown => {
      asked.push(path)
      if (path.includes('prebuilds')) throw new Error('wrong ELF class')
      return native
    }
    assert.equal(loadAddon(host({ require })), native)
    assert.equal(asked.length, 2)
  })
  it('shows the error of every attempt, and the command that builds', () => {
    assert.throws(
      () => loadAddon(host()),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'ERR_ADDON_NOT_LOADED')
        assert.match(error.message, /linux-riscv64/)
        assert.match(error.message, /prebuilds\/linux-riscv64\/graphdriver\.node: Cannot find module/)
        assert.match(error.message, /build\/Release\/graphdriver\.node: Cannot find module/)
        assert.match(error.message, /npm run build/)
        assert.doesNotMatch(error.message, /Require stack/)
        assert(error.cause instanceof AggregateError)
        assert.equal(error.cause.errors.length, 2)
        return true
      },
    )
  })
  it('fails on other systems, before it looks for a file', () => {
    const require = (): never => assert.fail('must not be asked')
    assert.throws(() => loadAddon(host({ platform: 'darwin', require })), {
      code: 'ERR_UNSUPPORTED_PLATFORM',
      message: /darwin/,
    })
  })
  it('is asked at the first call, not at the import', () => {
    const script = `
      Object.defineProperty(process, 'platform', { value: 'win32' })
      const sys = await import('graphdriver/sys')
      const mount = await import('graphdriver/mount')
      mount.parseOptions('ro,size=1m')
      try { sys.umount2Sync('/x') } catch (error) { console.log(error.code) }
      await sys.statx('/').catch((error) => console.log(error.code))`
    const done = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: { ...process.env, GRAPHDRIVER_NATIVE: '/nowhere.node' },
    })
    assert.equal(done.stderr, '')
    assert.equal(done.stdout, 'ERR_UNSUPPORTED_PLATFORM\nERR_UNSUPPORTED_PLATFORM\n')
  })

  describe("with a double in the addon's place", () => {
    afterEach(() => {
      setBinding(undefined)
    })
    it('calls the double, and the addon again when it is gone', () => {
      const asked: unknown[] = []
      const double = {
        mountSync: (...args: unknown[]) => {
          asked.push(args)
          return -5
        },
      }
      setBinding(double as unknown as Native)
      assert.throws(() => {
        mountSync('a', 'b', 'c', 1, 'd')
      }, SyscallError)
      assert.deepEqual(asked, [['a', 'b', 'c', 1, 'd']])
      setBinding(undefined)
      assert.throws(
        () => {
          mountSync('a', '/nowhere/at/all', 'tmpfs')
        },
        (error: SyscallError) => ['ENOENT', 'EPERM'].includes(error.code),
      )
    })
  })
})

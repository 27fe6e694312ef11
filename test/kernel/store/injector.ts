import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { binding, setBinding } from '#lib/sys/binding.js'

/** Which calls can be made to fail, and with what. */
export interface Fault {
  readonly code: 'EIO' | 'ENOMEM' | 'EMFILE'
  readonly calls: 'all' | 'mounts'
}

const NUMBERS = { EIO: -5, ENOMEM: -12, EMFILE: -24 } as const
const MOUNTS = [
  'mount',
  'mountAt',
  'newMount',
  'moveMount',
  'openTree',
  'mountSetattr',
  'reconfigure',
  'overlayInUse',
  'mountOverlay',
  'mountNewOverlay',
  'bindCopy',
]
/** What undoes, or only tells something, never fails so; neither does giving a lock back. */
const SURE =
  /Sync$|^(close|setLock|getLock|packCancel|viewsCancel|unpackCancel|.*Progress|packWarnings|unpackRoom)$/
/** Those that answer a `TreeFailure`, and a number when they have done it. */
const TREES =
  /^(removeTree|copyTree|packNext|packInto|viewChanges|viewChangedSize|viewLayerSize|flattenRun|aufsFlush|convertLayer|findObstacles)$/
const CONTEXTS = /^(newMount|reconfigure|overlayInUse|bindCopy)$/
/** What is looked up of every process that there is. */
const OTHERS = /^\/proc\/\d+\//
const FILES = [
  'chmod',
  'chown',
  'lstat',
  'mkdir',
  'mkdtemp',
  'open',
  'opendir',
  'readdir',
  'readlink',
  'realpath',
  'rename',
  'rmdir',
  'statfs',
  'unlink',
] as const

type AnyFunction = (...args: unknown[]) => unknown

/** Makes one system call fail, in this process: of those that Node makes, and of those that the addon makes. */
export class Injector {
  #fault: Fault | undefined
  #left = 0
  #calls: string[] = []
  readonly #undo: (() => void)[] = []

  install(): void {
    const real = binding()
    setBinding(
      new Proxy(real, {
        get: (target, name) => {
          const value = Reflect.get(target, name) as unknown
          if (typeof value !== 'function' || typeof name !== 'string' || SURE.test(name)) return value
          return async (...args: unknown[]): Promise<unknown> => {
            const error = this.#fails(name, args[0], MOUNTS.includes(name))
            if (error === undefined) return (value as AnyFunction)(...args)
            if (TREES.test(name)) return { errno: error, syscall: name, path: Buffer.from('') }
            return CONTEXTS.test(name) ? { errno: error, step: 0, log: '' } : error
          }
        },
      }),
    )
    this.#undo.push(() => {
      setBinding(undefined)
    })
    const functions = fs.promises as unknown as Record<string, AnyFunction>
    for (const name of FILES) {
      const call = functions[name]!
      functions[name] = async (...args) => {
        const errno = this.#fails(name, args[0], false)
        if (errno === undefined) return call(...args)
        const code = this.#fault!.code
        throw Object.assign(new Error(`${code}: injected, ${name}`), {
          code,
          errno,
          syscall: name,
          path: String(args[0]),
        })
      }
      this.#undo.push(() => {
        functions[name] = call
      })
    }
    syncBuiltinESMExports()
  }

  uninstall(): void {
    for (const undo of this.#undo.splice(0)) undo()
    syncBuiltinESMExports()
  }

  /** Works with the call of that number (from 1 on) failing; 0: none. Answers the calls that were made. */
  async run(
    fault: Fault,
    at: number,
    work: () => Promise<unknown>,
  ): Promise<{ calls: string[]; error: unknown }> {
    this.#calls = []
    this.#fault = fault
    this.#left = at
    let error: unknown
    try {
      await work()
    } catch (caught) {
      error = caught
    } finally {
      this.#fault = undefined
    }
    return { calls: this.#calls, error }
  }

  #fails(name: string, path: unknown, isMount: boolean): number | undefined {
    // How many processes there are is no matter of ours, and would make a number another call's the next time.
    if (typeof path === 'string' && OTHERS.test(path)) return undefined
    if (this.#fault === undefined || (this.#fault.calls === 'mounts' && !isMount)) return undefined
    this.#calls.push(name)
    return --this.#left === 0 ? NUMBERS[this.#fault.code] : undefined
  }
}

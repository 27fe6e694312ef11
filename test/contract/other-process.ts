import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type {
  CleanupOptions,
  CleanupResult,
  CreateOptions,
  GetOptions,
  LayerInfo,
  OpenOptions,
  PutOptions,
} from 'graphdriver'
import { fakeArguments } from '../fake-aufs/install.ts'

const program = fileURLToPath(new URL('other-program.mjs', import.meta.url))

interface Answer {
  seq: number
  value?: unknown
  error?: Record<string, unknown> & { message: string }
}

/** Another process that does with a root what it is told. */
export class OtherProcess {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  readonly #gone: Promise<unknown>
  #seq = 0

  constructor(namespace: boolean) {
    const own = namespace ? ['unshare', '--mount', '--propagation', 'private'] : []
    const [command, ...args] = [...own, process.execPath, ...fakeArguments(), program]
    this.#child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    this.#gone = once(this.#child, 'exit')
    this.#child.on('message', (message) => {
      this.#take(message as Answer)
    })
    this.#child.on('exit', () => {
      this.#fail(new Error('the other process has ended'))
    })
  }

  #take({ seq, value, error }: Answer): void {
    const waiting = this.#waiting.get(seq)
    this.#waiting.delete(seq)
    if (error === undefined) waiting?.resolve(value)
    else waiting?.reject(Object.assign(new Error(error.message), error))
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  #call<T>(verb: string, ...args: unknown[]): Promise<T> {
    const seq = this.#seq++
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(seq, { resolve: resolve as (value: unknown) => void, reject })
      this.#child.send({ seq, verb, args })
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  open(options: OpenOptions): Promise<void> {
    return this.#call('open', options)
  }
  create(id: string, options: CreateOptions = {}): Promise<void> {
    return this.#call('create', id, options)
  }
  remove(id: string): Promise<void> {
    return this.#call('remove', id)
  }
  get(id: string, options: GetOptions = {}): Promise<string> {
    return this.#call('get', id, options)
  }
  put(id: string, options: PutOptions = {}): Promise<void> {
    return this.#call('put', id, options)
  }
  list(): Promise<LayerInfo[]> {
    return this.#call('list')
  }
  cleanup(options: CleanupOptions = {}): Promise<CleanupResult> {
    return this.#call('cleanup', options)
  }
  close(): Promise<void> {
    return this.#call('close')
  }
  /** Makes and removes a layer of one's own on a common parent, and gets it meanwhile, so many times. */
  churn(word: string, parent: string, rounds: number): Promise<void> {
    return this.#call('churn', word, parent, rounds)
  }
  /** Takes and gives back references of one layer, and writes through each. */
  race(id: string, word: string, rounds: number): Promise<void> {
    return this.#call('race', id, word, rounds)
  }
  /** Changes its working directory. */
  enter(path: string): Promise<void> {
    return this.#call('enter', path)
  }
  read(path: string): Promise<string> {
    return this.#call('read', path)
  }

  /** kill(2) with SIGKILL; answers when it is gone. */
  async end(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#gone
  }
}

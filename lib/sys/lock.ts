import { checkFd, checkInteger } from './arguments.ts'
import { binding } from './binding.ts'
import { F_RDLCK, F_UNLCK } from './constants.ts'
import { check, errnoOf } from './error.ts'

function lockArguments(
  fd: number,
  type: number,
  start: number,
  length: number,
): [number, number, number, number] {
  return [
    checkFd(fd),
    checkInteger(type, 'type', F_RDLCK, F_UNLCK),
    checkInteger(start, 'start', 0, Number.MAX_SAFE_INTEGER),
    checkInteger(length, 'length', 0, Number.MAX_SAFE_INTEGER),
  ]
}

function taken(answer: number): boolean {
  if (answer === errnoOf('EAGAIN') || answer === errnoOf('EACCES')) return false
  check(answer, 'fcntl')
  return true
}

/**
 * fcntl(2) F_OFD_SETLK: takes, changes or drops a lock on a range of bytes. The lock belongs to the open file
 * description: it goes with the last descriptor of it, whatever else the process opens and closes. Never waits.
 *
 * @param fd open for reading (F_RDLCK) or writing (F_WRLCK).
 * @param type F_RDLCK, F_WRLCK or F_UNLCK.
 * @param length in bytes; 0 means up to the end, however far the file grows.
 * @returns false when another description holds a lock in the way; locks held before stay as they were.
 * @throws SyscallError EBADF, ENOLCK, EINVAL.
 */
export async function setLock(fd: number, type: number, start: number, length: number): Promise<boolean> {
  return taken(await binding().setLock(...lockArguments(fd, type, start, length)))
}

/** {@link setLock} on the calling thread. */
export function setLockSync(fd: number, type: number, start: number, length: number): boolean {
  return taken(binding().setLockSync(...lockArguments(fd, type, start, length)))
}

/**
 * fcntl(2) F_OFD_GETLK: would a lock be granted? Takes none.
 *
 * @param type F_RDLCK or F_WRLCK.
 * @returns the type of a lock in the way, or F_UNLCK when there is none.
 * @throws SyscallError EBADF, EINVAL.
 */
export async function getLock(fd: number, type: number, start: number, length: number): Promise<number> {
  return check(await binding().getLock(...lockArguments(fd, type, start, length)), 'fcntl')
}

/** {@link getLock} on the calling thread. */
export function getLockSync(fd: number, type: number, start: number, length: number): number {
  return check(binding().getLockSync(...lockArguments(fd, type, start, length)), 'fcntl')
}

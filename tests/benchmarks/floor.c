/* The same least work for a message as floor.py, in C: what no language and no interpreter can be blamed for.

   `floor CLIENTS AUTHOR_KEY DATABASE STEP LONGEST BATCH`: the author's public key in hex; how long to gather after a
   batch for each two messages of it, and at most, in microseconds; how many messages a batch holds at most. Prints the
   port it serves. Spoken to by the generator of benchmarks, which sends nothing malformed and loses nothing. */

#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef uint8_t octet;

enum {
    TALKERS_MAX = 1000, BATCH_MAX = 512, BODY_MAX = 1024, HEADER_MAX = 128,
    SEAL_HEAD = 13, SEAL_TAG = 16, DATAGRAM = 1200, DATAGRAMS_MAX = 512, SEGMENTS_MAX = 50, RECEIPTS = 16,
    SUBMIT = 1, PING = 3, RECORDS = 16, DECIDED = 18, PONG = 21,
};

typedef struct {
    octet header[HEADER_MAX], body[BODY_MAX], signature[64], device[16], hash[32];
    size_t header_size, body_size;
    uint64_t run, n, seq;
} Message;

typedef struct {
    octet up[32], down[32];
    uint64_t counter;
    struct sockaddr_in address;
    int known;
} Talker;

typedef struct { octet octets[DATAGRAM]; size_t size; } Payload;

static const octet log_id[16];
static const uint64_t epoch = 1, room = 1;
static Talker talkers[TALKERS_MAX];
static Message batch[BATCH_MAX];
static Payload payloads[DATAGRAMS_MAX];
static octet author[32], log_public[32], log_secret[64], chain[32];
static uint64_t last_n, last_seq, now_ms;
static int talkers_count, batch_count, sock;
static sqlite3 *database;
static sqlite3_stmt *insert;

static void fail(const char *what) { fprintf(stderr, "floor: %s\n", what); exit(1); }

/* --- msgpack: what these frames hold --- */

static const octet *at;

static uint64_t big_endian(int size) {
    uint64_t value = 0;
    while (size--) value = value << 8 | *at++;
    return value;
}

static uint64_t read_number(void) {
    octet first = *at++;
    return first < 0x80 ? first : big_endian(1 << (first - 0xcc));
}

static size_t read_array(void) {
    octet first = *at++;
    return (first & 0xf0) == 0x90 ? (size_t)(first & 15) : (size_t)big_endian(2);
}

static size_t read_octets(octet *into, size_t most) {
    size_t size = big_endian(1 << (*at++ - 0xc4));
    if (size > most) fail("too long");
    memcpy(into, at, size);
    at += size;
    return size;
}

static octet *write_big_endian(octet *to, uint64_t value, int size) {
    for (int i = size; i--; value >>= 8) to[i] = (octet)value;
    return to + size;
}

static octet *write_number(octet *to, uint64_t value) {
    if (value < 0x80) { *to = (octet)value; return to + 1; }
    int power = value < 1 << 8 ? 0 : value < 1 << 16 ? 1 : value < 1ull << 32 ? 2 : 3;
    *to++ = (octet)(0xcc + power);
    return write_big_endian(to, value, 1 << power);
}

static octet *write_array(octet *to, size_t count) {
    if (count < 16) { *to = (octet)(0x90 + count); return to + 1; }
    *to++ = 0xdc;
    return write_big_endian(to, count, 2);
}

static octet *write_octets(octet *to, const octet *from, size_t size) {
    int two = size > 255;
    *to++ = (octet)(0xc4 + two);
    to = write_big_endian(to, size, 1 + two);
    if (from) memcpy(to, from, size); else memset(to, 0, size);
    return to + size;
}

/* --- Seals --- */

static void key_of(int number, const char *direction, octet *key) {
    char text[64];
    crypto_hash_sha256(key, (octet *)text, (unsigned long long)sprintf(text, "floor %d %s", number, direction));
}

static void seal_frame(const octet *head, octet *nonce, octet *bound) {
    memset(nonce, 0, 4);
    memcpy(nonce + 4, head + 5, 8);
    memcpy(bound, head, SEAL_HEAD);
    memcpy(bound + SEAL_HEAD, log_id, 16);
    write_big_endian(bound + SEAL_HEAD + 16, epoch, 4);
}

static size_t seal(int number, const Payload *payload, octet *to) {
    octet nonce[12], bound[SEAL_HEAD + 20];
    to[0] = 1;
    write_big_endian(to + 1, (uint64_t)number, 4);
    write_big_endian(to + 5, talkers[number].counter++, 8);
    seal_frame(to, nonce, bound);
    crypto_aead_chacha20poly1305_ietf_encrypt(to + SEAL_HEAD, NULL, payload->octets, payload->size, bound, sizeof bound,
                                              NULL, nonce, talkers[number].down);
    return payload->size + SEAL_HEAD + SEAL_TAG;
}

static void send_to(int number, int first, int count) {
    static octet sealed[SEGMENTS_MAX * (DATAGRAM + SEAL_HEAD + SEAL_TAG)];
    size_t size = 0, one = payloads[first].size + SEAL_HEAD + SEAL_TAG;
    for (int i = first; i < first + count; i++) size += seal(number, &payloads[i], sealed + size);
    struct iovec part = {sealed, size};
    union { char space[CMSG_SPACE(2)]; struct cmsghdr aligned; } control;
    struct msghdr message = {.msg_name = &talkers[number].address, .msg_namelen = sizeof(struct sockaddr_in),
                             .msg_iov = &part, .msg_iovlen = 1};
    if (count > 1) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control.space;
        struct cmsghdr *cut = CMSG_FIRSTHDR(&message);
        *cut = (struct cmsghdr){.cmsg_len = CMSG_LEN(2), .cmsg_level = SOL_UDP, .cmsg_type = UDP_SEGMENT};
        *(uint16_t *)CMSG_DATA(cut) = (uint16_t)one;
    }
    if (sendmsg(sock, &message, 0) < 0) fail("sendmsg");
}

/* --- A message comes --- */

static void take_message(void) {
    Message *message = &batch[batch_count];
    const octet *kept;
    read_array();
    message->header_size = read_octets(message->header, HEADER_MAX);
    message->body_size = read_octets(message->body, BODY_MAX);
    read_octets(message->signature, 64);
    kept = at;
    at = message->header;
    read_array();
    read_number();
    read_octets(message->device, 16);
    message->run = read_number();
    message->n = read_number();
    at = kept;
    if (message->n <= last_n) return; /* sent twice */
    last_n = message->n;
    batch_count++;
}

static int take(int flags) {
    static octet datagram[2048], opened[2048];
    octet nonce[12], bound[SEAL_HEAD + 20];
    struct sockaddr_in address;
    socklen_t address_size = sizeof address;
    ssize_t size = recvfrom(sock, datagram, sizeof datagram, flags, (struct sockaddr *)&address, &address_size);
    if (size < SEAL_HEAD + SEAL_TAG) return 0;
    at = datagram + 1;
    uint64_t number = big_endian(4);
    if (number >= (uint64_t)talkers_count) return 1;
    seal_frame(datagram, nonce, bound);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(opened, NULL, NULL, datagram + SEAL_HEAD, (size_t)size - SEAL_HEAD,
                                                  bound, sizeof bound, nonce, talkers[number].up)) return 1;
    at = opened;
    for (size_t frames = read_array(); frames--;) {
        read_array();
        uint64_t tag = read_number();
        if (tag == SUBMIT) {
            for (size_t count = read_array(); count--;) take_message();
        } else if (tag == PING) {
            uint64_t token = read_number();
            talkers[number].address = address;
            talkers[number].known = 1;
            octet *end = write_array(payloads[0].octets, 1);
            end = write_number(write_number(write_array(end, 2), PONG), token);
            payloads[0].size = (size_t)(end - payloads[0].octets);
            send_to((int)number, 0, 1);
        } else fail("an unknown frame");
    }
    return 1;
}

/* --- And is relayed --- */

static void hash_all(octet *to, ...) { /* pairs of octets and size_t, ended by NULL */
    crypto_hash_sha256_state state;
    const octet *part;
    va_list parts;
    crypto_hash_sha256_init(&state);
    va_start(parts, to);
    while ((part = va_arg(parts, const octet *))) crypto_hash_sha256_update(&state, part, va_arg(parts, size_t));
    va_end(parts);
    crypto_hash_sha256_final(&state, to);
}

static const octet message_context[] = "lanchat/1 message", record_context[] = "lanchat/1 record";
static const octet genesis_context[] = "lanchat/1 genesis", head_context[] = "lanchat/1 head";

static void check_and_chain(Message *message) {
    octet body_hash[32], room_seq[16], time_octets[8], signed_octets[sizeof message_context + 16 + HEADER_MAX + 32];
    octet *end = signed_octets;
    crypto_hash_sha256(body_hash, message->body, message->body_size);
    end = (octet *)mempcpy(end, message_context, sizeof message_context);
    end = (octet *)mempcpy(end, log_id, 16);
    end = (octet *)mempcpy(end, message->header, message->header_size);
    end = (octet *)mempcpy(end, body_hash, 32);
    if (crypto_sign_verify_detached(message->signature, signed_octets, (size_t)(end - signed_octets), author))
        fail("a signature does not hold");
    message->seq = ++last_seq;
    write_big_endian(write_big_endian(room_seq, room, 8), last_seq, 8);
    write_big_endian(time_octets, now_ms, 8);
    hash_all(chain, record_context, sizeof record_context, log_id, (size_t)16, room_seq, (size_t)16, chain, (size_t)32,
             time_octets, (size_t)8, message->header, message->header_size, message->signature, (size_t)64,
             body_hash, (size_t)32, NULL);
    memcpy(message->hash, chain, 32);
}

static void store(void) {
    sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    for (Message *message = batch; message < batch + batch_count; message++) {
        sqlite3_bind_int64(insert, 1, (int64_t)room);
        sqlite3_bind_int64(insert, 2, (int64_t)message->seq);
        sqlite3_bind_int64(insert, 3, (int64_t)now_ms);
        sqlite3_bind_blob(insert, 4, message->device, 16, SQLITE_STATIC);
        sqlite3_bind_int64(insert, 5, (int64_t)message->run);
        sqlite3_bind_int64(insert, 6, (int64_t)message->n);
        sqlite3_bind_blob(insert, 7, message->header, (int)message->header_size, SQLITE_STATIC);
        sqlite3_bind_blob(insert, 8, message->signature, 64, SQLITE_STATIC);
        sqlite3_bind_blob(insert, 9, message->body, (int)message->body_size, SQLITE_STATIC);
        sqlite3_bind_blob(insert, 10, message->hash, 32, SQLITE_STATIC);
        if (sqlite3_step(insert) != SQLITE_DONE) fail(sqlite3_errmsg(database));
        sqlite3_reset(insert);
    }
    if (sqlite3_exec(database, "COMMIT", NULL, NULL, NULL)) fail(sqlite3_errmsg(database));
}

static octet *write_head(octet *to) {
    octet signed_octets[sizeof head_context + 16 + 60], signature[64], *end;
    end = (octet *)mempcpy(signed_octets, head_context, sizeof head_context);
    end = (octet *)mempcpy(end, log_id, 16);
    end = write_big_endian(write_big_endian(write_big_endian(end, epoch, 4), room, 8), last_seq, 8);
    end = (octet *)mempcpy(end, chain, 32);
    end = write_big_endian(end, now_ms, 8);
    crypto_sign_detached(signature, NULL, signed_octets, (size_t)(end - signed_octets), log_secret);
    to = write_number(write_number(write_number(write_array(to, 6), epoch), room), last_seq);
    return write_octets(write_number(write_octets(to, chain, 32), now_ms), signature, 64);
}

static void answer(void) {
    for (int start = 0; start < batch_count; start += RECEIPTS) {
        int count = batch_count - start < RECEIPTS ? batch_count - start : RECEIPTS;
        octet *end = write_array(payloads[0].octets, 1);
        end = write_array(write_number(write_array(end, 2), DECIDED), (size_t)count);
        for (Message *message = batch + start; message < batch + start + count; message++) {
            end = write_octets(write_number(write_array(end, 6), room), message->device, 16);
            end = write_number(write_number(write_number(end, message->run), message->n), message->seq);
            end = write_number(end, 0);
        }
        payloads[0].size = (size_t)(end - payloads[0].octets);
        send_to(0, 0, 1);
    }
}

static size_t record_size(const Message *message) { return message->header_size + message->body_size + 64 + 31; }

static int pack(void) { /* all but the last datagram of one length, as the kernel's cutting wants them */
    int count = 0;
    size_t longest = 0;
    for (int first = 0, end; first < batch_count; first = end) {
        /* The head comes with the last, whose place must do for it: 170 octets. */
        size_t size = SEAL_HEAD + SEAL_TAG + 24;
        for (end = first; end < batch_count; end++) {
            size += record_size(&batch[end]);
            if (end > first && size + (end == batch_count - 1 ? 170 : 0) > DATAGRAM) break;
        }
        octet *to = write_array(payloads[count].octets, 1);
        to = write_number(write_number(write_array(to, 5), RECORDS), room);
        to = write_array(to, (size_t)(end - first));
        for (Message *message = batch + first; message < batch + end; message++) {
            to = write_number(write_number(write_array(to, 6), message->seq), now_ms);
            to = write_octets(to, message->header, message->header_size);
            to = write_octets(to, message->signature, 64);
            to = write_octets(to, message->body, message->body_size);
            to = write_octets(to, NULL, 0);
        }
        if (end == batch_count) to = write_head(to); else *to++ = 0xc0;
        payloads[count].size = (size_t)(to - payloads[count].octets);
        if (payloads[count].size > longest) longest = payloads[count].size;
        count++;
    }
    for (Payload *payload = payloads; payload < payloads + count; payload++) { /* what fills it is octets of no meaning */
        size_t missing = longest + 3 - payload->size;
        octet *to = payload->octets + payload->size;
        *to++ = 0xc5;
        to = write_big_endian(to, missing - 3, 2);
        memset(to, 0, missing - 3);
        payload->size = longest + 3;
    }
    return count;
}

static void relay(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    for (int i = 0; i < batch_count; i++) check_and_chain(&batch[i]);
    store();
    answer();
    int count = pack();
    for (int number = 0; number < talkers_count; number++)
        for (int first = 0; talkers[number].known && first < count; first += SEGMENTS_MAX)
            send_to(number, first, count - first < SEGMENTS_MAX ? count - first : SEGMENTS_MAX);
}

static void open_database(const char *path) {
    const char *create = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE records (room, seq, time_ms, "
                         "device, run, n, header, signature, body, hash, PRIMARY KEY (room, seq), "
                         "UNIQUE (room, device, run, n)) WITHOUT ROWID";
    if (sqlite3_open(path, &database) || sqlite3_exec(database, create, NULL, NULL, NULL)
        || sqlite3_prepare_v2(database, "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", -1, &insert, NULL))
        fail(sqlite3_errmsg(database));
}

int main(int argc, char **argv) {
    if (argc != 7 || sodium_init() < 0 || sodium_hex2bin(author, 32, argv[2], 64, NULL, NULL, NULL)) fail("arguments");
    talkers_count = atoi(argv[1]);
    long step = atol(argv[4]), longest = atol(argv[5]), most = atol(argv[6]);
    if (talkers_count < 1 || talkers_count > TALKERS_MAX || most < 1 || most > BATCH_MAX - 64) fail("arguments");
    for (int number = 0; number < talkers_count; number++) {
        key_of(number, "up", talkers[number].up);
        key_of(number, "down", talkers[number].down);
    }
    octet room_octets[8], seed[32];
    write_big_endian(room_octets, room, 8);
    hash_all(chain, genesis_context, sizeof genesis_context, log_id, (size_t)16, room_octets, (size_t)8, NULL);
    key_of(0, "log", seed);
    crypto_sign_seed_keypair(log_public, log_secret, seed);
    open_database(argv[3]);

    int space = 4 << 20;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    sock = socket(AF_INET, SOCK_DGRAM, 0);
    setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &space, sizeof space);
    setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &space, sizeof space);
    if (bind(sock, (struct sockaddr *)&address, size) || getsockname(sock, (struct sockaddr *)&address, &size)) fail("bind");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        batch_count = 0;
        for (int flags = 0; batch_count < most && take(flags); flags = MSG_DONTWAIT);
        if (!batch_count) continue;
        relay();
        long pause = (batch_count > 3 ? batch_count / 2 : 1) * step;
        usleep((useconds_t)(pause < longest ? pause : longest));
    }
}

/* SPDX-License-Identifier: MIT */
/* Multiplication, division and decimal arithmetic. */
#include "internal.h"

/* Of a product only CF and OF are defined: does it need its upper half? */
static void product_flags(struct emul *e, bool wide)
{
	e->new_rflags = (e->rflags & ~(FL_CF | FL_OF)) | (wide ? FL_CF | FL_OF : 0);
}

static void multiply(uint64_t a, uint64_t b, uint64_t *low, uint64_t *high)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	*low = (uint64_t)p;
	*high = (uint64_t)(p >> 64);
}

/* `a` and `b` are sign-extended to 64 bits. */
static void multiply_signed(uint64_t a, uint64_t b, uint64_t *low, uint64_t *high)
{
	multiply(a, b, low, high);
	if ((int64_t)a < 0)
		*high -= b;
	if ((int64_t)b < 0)
		*high -= a;
}

/* The pair AX, DX:AX, EDX:EAX or RDX:RAX. */
static void write_pair(struct emul *e, unsigned int size, uint64_t low, uint64_t high)
{
	if (size == 1) {
		emul_reg_write(e, EMUL_RAX, 2, (low & 0xff) | (high & 0xff) << 8);
		return;
	}
	emul_reg_write(e, EMUL_RAX, size, low);
	emul_reg_write(e, EMUL_RDX, size, high);
}

static void read_pair(const struct emul *e, unsigned int size, uint64_t *low, uint64_t *high)
{
	*low = emul_reg_read(e, EMUL_RAX, size);
	*high = size == 1 ? emul_reg_read(e, EMUL_RAX | EMUL_HIGH_BYTE, 1) :
		emul_reg_read(e, EMUL_RDX, size);
}

/* MUL and one-operand IMUL. */
enum emul_result emul_op_mul(struct emul *e)
{
	unsigned int size = e->insn.operand[0].size;
	uint64_t a = emul_reg_read(e, EMUL_RAX, size), b, low, high;
	bool is_signed = e->insn.op == OP_IMUL1;

	TRY(emul_load(e, 0, &b));
	if (is_signed) {
		multiply_signed(emul_sext(a, size), emul_sext(b, size), &low, &high);
		product_flags(e, low != emul_sext(low, size) ||
				 high != (uint64_t)((int64_t)low >> 63));
	} else {
		multiply(a, b, &low, &high);
		product_flags(e, size == 8 ? high : low >> (size * 8));
	}
	if (size < 8)
		high = low >> (size * 8);
	write_pair(e, size, low, high);
	return EMUL_DONE;
}

/* IMUL with two and three operands. */
enum emul_result emul_op_imul(struct emul *e)
{
	unsigned int size = e->insn.operand[0].size;
	unsigned int first = e->insn.operand[2].kind == EMUL_OPERAND_NONE ? 0 : 2;
	uint64_t a, b, low, high;

	TRY(emul_load(e, 1, &b));
	TRY(emul_load(e, first, &a));
	multiply_signed(emul_sext(a, size), emul_sext(b, size), &low, &high);
	product_flags(e, low != emul_sext(low, size) || high != (uint64_t)((int64_t)low >> 63));
	return emul_store(e, 0, low);
}

/* MULX: no flags, and the high half wins if both destinations are one. */
enum emul_result emul_op_mulx(struct emul *e)
{
	unsigned int size = e->insn.operand[0].size;
	uint64_t a, low, high;

	TRY(emul_load(e, 2, &a));
	multiply(a, emul_reg_read(e, EMUL_RDX, size), &low, &high);
	if (size == 4)
		high = low >> 32;
	TRY(emul_store(e, 1, low));
	return emul_store(e, 0, high);
}

/*
 * high:low / divisor where high < divisor, one quotient bit at a time: a kernel
 * has no library routine for 128-bit division.
 */
static uint64_t divide_wide(uint64_t high, uint64_t low, uint64_t divisor, uint64_t *remainder)
{
	uint64_t quotient = 0;

	for (unsigned int i = 0; i < 64; i++) {
		bool carry = high >> 63;

		high = (high << 1) | (low >> 63);
		low <<= 1;
		quotient <<= 1;
		if (carry || high >= divisor) {
			high -= divisor;
			quotient |= 1;
		}
	}
	*remainder = high;
	return quotient;
}

/* Unsigned division of a pair of `size`-byte halves; false: #DE. */
static bool divide(unsigned int size, uint64_t high, uint64_t low, uint64_t divisor,
		   uint64_t *quotient, uint64_t *remainder)
{
	if (high >= divisor)	/* also a divisor of 0 */
		return false;
	if (size == 8) {
		*quotient = divide_wide(high, low, divisor, remainder);
		return true;
	}
	low |= high << (size * 8);
	*quotient = low / divisor;
	*remainder = low % divisor;
	return true;
}

enum emul_result emul_op_div(struct emul *e)
{
	unsigned int size = e->insn.operand[0].size;
	uint64_t low, high, divisor, quotient, remainder;

	TRY(emul_load(e, 0, &divisor));
	read_pair(e, size, &low, &high);
	if (!divide(size, high, low, divisor, &quotient, &remainder))
		return emul_fault(e, VEC_DE);
	write_pair(e, size, quotient, remainder);
	return EMUL_DONE;
}

/* On magnitudes; the remainder takes the dividend's sign. */
enum emul_result emul_op_idiv(struct emul *e)
{
	unsigned int size = e->insn.operand[0].size;
	uint64_t mask = emul_mask(size), sign = emul_sign_bit(size);
	uint64_t low, high, divisor, quotient, remainder;
	bool negative, divisor_negative;

	TRY(emul_load(e, 0, &divisor));
	read_pair(e, size, &low, &high);
	negative = high & sign;
	divisor_negative = divisor & sign;
	if (negative) {
		low = -low & mask;
		high = (~high + (low == 0)) & mask;
	}
	if (divisor_negative)
		divisor = -divisor & mask;
	if (!divide(size, high, low, divisor, &quotient, &remainder))
		return emul_fault(e, VEC_DE);
	/* The most negative quotient is one further from 0 than the most positive. */
	if (quotient > sign - (negative == divisor_negative))
		return emul_fault(e, VEC_DE);
	if (negative != divisor_negative)
		quotient = -quotient;
	if (negative)
		remainder = -remainder;
	write_pair(e, size, quotient & mask, remainder & mask);
	return EMUL_DONE;
}

/* DAA and DAS, SDM2 "DAA", "DAS". */
enum emul_result emul_op_daa(struct emul *e)
{
	uint8_t old = (uint8_t)e->gpr[EMUL_RAX], al = old;
	bool carry = e->rflags & FL_CF, subtract = e->insn.op == OP_DAS;
	uint64_t flags = 0;

	if ((old & 0xf) > 9 || (e->rflags & FL_AF)) {
		if (subtract ? old < 6 : old > 0xf9)
			flags |= FL_CF;
		al = (uint8_t)(subtract ? al - 6 : al + 6);
		flags |= FL_AF;
	}
	if (carry)
		flags |= FL_CF;
	if (old > 0x99 || carry) {
		al = (uint8_t)(subtract ? al - 0x60 : al + 0x60);
		flags |= FL_CF;
	} else if (!subtract) {
		flags &= ~FL_CF;
	}
	emul_reg_write(e, EMUL_RAX, 1, al);
	e->new_rflags = (e->rflags & ~(FL_ARITH & ~FL_OF)) | flags | emul_flags_szp(al, 1);
	return EMUL_DONE;
}

enum emul_result emul_op_aaa(struct emul *e)
{
	uint16_t ax = (uint16_t)e->gpr[EMUL_RAX];
	uint64_t flags = 0;

	if ((ax & 0xf) > 9 || (e->rflags & FL_AF)) {
		ax = (uint16_t)(e->insn.op == OP_AAA ? ax + 0x106 : ax - 0x106);
		flags = FL_AF | FL_CF;
	}
	emul_reg_write(e, EMUL_RAX, 2, ax & 0xff0f);
	e->new_rflags = (e->rflags & ~(FL_AF | FL_CF)) | flags;
	return EMUL_DONE;
}

enum emul_result emul_op_aam(struct emul *e)
{
	uint8_t al = (uint8_t)e->gpr[EMUL_RAX], base = (uint8_t)e->insn.imm;

	if (!base)
		return emul_fault(e, VEC_DE);
	emul_reg_write(e, EMUL_RAX, 2, (uint64_t)(al / base) << 8 | al % base);
	e->new_rflags = (e->rflags & ~FL_ARITH) | emul_flags_szp(al % base, 1);
	return EMUL_DONE;
}

enum emul_result emul_op_aad(struct emul *e)
{
	uint16_t ax = (uint16_t)e->gpr[EMUL_RAX];
	uint8_t al = (uint8_t)(ax + (ax >> 8) * e->insn.imm);

	emul_reg_write(e, EMUL_RAX, 2, al);
	e->new_rflags = (e->rflags & ~FL_ARITH) | emul_flags_szp(al, 1);
	return EMUL_DONE;
}
